"""People of a source become invitations of a batch: who they are, their lucky numbers, and their work.

Everything happens under the locks of the source and of the batch, in that order: one contact has one standing
invitation however many pages, webhooks and batches bring it, and lucky numbers are counted by whoever holds
the batch.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import Q

from chatboost.core import clock, live
from chatboost.core.db import rows
from invitations import providers
from invitations.choices import STANDING, UNFINISHED, InvitationState, LuckyMode
from invitations.models import Invitation, InvitationBatch, InvitationSource
from invitations.providers.base import Person, bounded
from invitations.services import lucky, steps

ERASED: Final = "erased"
# Who failed so is not tried again: there is no number, or nobody, to try it for.
FINAL: Final = (lucky.RANGE_EXHAUSTED, ERASED)
# So many cards does a dry run make.
DRY_RUN_SIZE: Final = 5

_COUNTS: Final = ("total_count", "failed_count", "skipped_count", "lucky_taken")


@dataclass(frozen=True, slots=True)
class Added:
    """What became of some people: invitations made, and people left out who have a link or an invitation.

    Who is in the batch already counts as neither. `is_full`: the batch takes no more of them.
    """

    made: int = 0
    skipped: int = 0
    is_full: bool = False


@transaction.atomic
def add(batch: InvitationBatch, people: Iterable[Person]) -> Added:
    """Give people of the batch's source their invitations, and owe their work.

    Those for whom the range has no number left fail at once (`range_exhausted`). The counts of `batch` are
    brought up to date. As many statements for many people as for few. A batch that has ended takes nobody.
    """
    source, batch_now = lock(batch)
    if batch_now.state not in UNFINISHED:
        return Added(is_full=True)
    found = _unknown(batch_now, people)
    wanted = _without_link(source, found) if source.link_field else found
    wanted = _without_standing(source, wanted)
    skipped = len(found) - len(wanted)
    is_full = batch_now.is_dry_run and len(wanted) >= DRY_RUN_SIZE - batch_now.total_count
    if is_full:
        wanted = wanted[: max(0, DRY_RUN_SIZE - batch_now.total_count)]
    made = [invitation_of(source, batch_now, person) for person in wanted]
    _give_numbers(batch_now, source, made)
    rows.create(made)
    _count(batch_now, made, skipped)
    for name in _COUNTS:
        setattr(batch, name, getattr(batch_now, name))
    steps.begin([invitation for invitation in made if invitation.state == InvitationState.PENDING])
    live.changed(f"invitation_batch:{batch.pk}")
    return Added(len(made), skipped, is_full)


def lock(batch: InvitationBatch) -> tuple[InvitationSource, InvitationBatch]:
    """Return a batch and its source as they are now, locked until the transaction ends."""
    sources = InvitationSource.objects.for_organization(batch.organization_id)
    source: InvitationSource = sources.select_for_update(no_key=True).get(pk=batch.source_id)
    batches = InvitationBatch.objects.for_organization(batch.organization_id)
    return source, batches.select_for_update(no_key=True).get(pk=batch.pk)


def standing(source: InvitationSource, external_ids: Iterable[str]) -> set[str]:
    """Return which contacts of a locked source have a standing invitation, or were erased. One query."""
    names = {external_id: external_id for external_id in external_ids}
    erased = {erased_name(source, external_id): external_id for external_id in names}
    stands = Q(external_id__in=list(names), is_dry_run=False, state__in=STANDING)
    found = Invitation.objects.filter(stands | Q(external_id__in=list(erased)), source=source)
    return {(names | erased)[name] for name in found.values_list("external_id", flat=True)}


def erased_name(source: InvitationSource, external_id: str) -> str:
    """Return what a contact of a source is called who was erased: the name tells nobody who it was."""
    text = f"{source.uuid}:{external_id}"
    return f"{ERASED}:{hashlib.sha256(text.encode()).hexdigest()}"


def _unknown(batch: InvitationBatch, people: Iterable[Person]) -> list[Person]:
    """Return each person once who has no row in the batch."""
    once = {person.external_id: person for person in reversed(list(people)) if person.external_id}
    mine = Invitation.objects.filter(batch=batch, external_id__in=list(once))
    for external_id in mine.values_list("external_id", flat=True):
        del once[external_id]
    return list(reversed(once.values()))


def _without_link(source: InvitationSource, people: Sequence[Person]) -> list[Person]:
    return [person for person in people if not person.values.get(source.link_field, "").strip()]


def _without_standing(source: InvitationSource, people: Sequence[Person]) -> list[Person]:
    taken = standing(source, (person.external_id for person in people))
    return [person for person in people if person.external_id not in taken]


def invitation_of(source: InvitationSource, batch: InvitationBatch, person: Person) -> Invitation:
    """Return a person as an invitation that is not saved: what their fields mean the source says."""
    values = bounded(person.values)
    names = [values.get(field, "").strip() for field in providers.names_of(source)]
    return Invitation(
        organization_id=batch.organization_id,
        batch=batch,
        source=source,
        external_id=person.external_id,
        is_dry_run=batch.is_dry_run,
        name=" ".join(name for name in names if name)[:200],
        email=values.get(source.email_field, "").strip()[:254],
        values=values,
        photo_url=values.get(source.photo_field, "").strip()[:2048],
        created_at=clock.now(),
    )


def _give_numbers(batch: InvitationBatch, source: InvitationSource, made: Iterable[Invitation]) -> None:
    for invitation in made:
        if batch.lucky_mode == LuckyMode.FIELD:
            invitation.lucky_number = invitation.values.get(source.lucky_field, "").strip()[:40]
        elif batch.lucky_mode in lucky.COUNTED:
            _give_number(batch, invitation)


def _give_number(batch: InvitationBatch, invitation: Invitation) -> None:
    text = lucky.text(batch, batch.lucky_taken)
    if text is None:
        invitation.state, invitation.finished_at = InvitationState.FAILED, clock.now()
        invitation.error_code = lucky.RANGE_EXHAUSTED
        invitation.error_detail = f"All {lucky.size(batch):,} lucky numbers have been given out."
        return
    invitation.lucky_number, invitation.lucky_serial = text, batch.lucky_taken
    batch.lucky_taken += 1


def _count(batch: InvitationBatch, made: Sequence[Invitation], skipped: int) -> None:
    batch.total_count += len(made)
    batch.failed_count += sum(invitation.state == InvitationState.FAILED for invitation in made)
    batch.skipped_count += skipped
    batch.save(update_fields=[*_COUNTS])
