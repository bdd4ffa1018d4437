"""The steps of an invitation as work: each a kind of its own, one at a time.

The ledger (`InvitationStep`) says what was begun and how it ended; the work of the first step that is not
finished is all that is owed for an invitation. Whoever finishes a step owes the next one's in the same
transaction. While a batch is paused nothing is owed for its invitations.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from chatboost.core import clock
from chatboost.core.db import rows
from chatboost.core.work import queue as work
from chatboost.core.work.queue import Order
from invitations.choices import OPEN, STEPS, InvitationState, Step, StepState
from invitations.models import Invitation, InvitationBatch, InvitationStep
from invitations.services import notices

KINDS: Final[dict[str, str]] = {step: f"invitations.{step}" for step in STEPS}
# A statement on SQLite takes some thousand values.
CHUNK: Final = 1000
# Pictures and what is moved about of them have a queue of their own.
MEDIA: Final = "media"
MAINTENANCE: Final = "maintenance"
QUEUES: Final[dict[str, str]] = {
    Step.PHOTO: MEDIA,
    Step.RENDER: MEDIA,
    Step.UPLOAD: MEDIA,
    Step.LINK: MAINTENANCE,
    Step.NOTIFY: MAINTENANCE,
}


def in_chunks(rows: "QuerySet[Any]") -> Iterator[list[Any]]:
    """Return invitations in order of id, so many at a time that a statement can name each."""
    last = 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def begin(invitations: Iterable[Invitation]) -> None:
    """Owe the work of each one's first step that is not finished, in the caller's transaction.

    Whoever has work waiting gets no second. The batches' organizations are told of those that are new.
    """
    given = [invitation for invitation in invitations if invitation.state in OPEN]
    if not given:
        return
    started = InvitationStep.objects.filter(
        organization_id__in={invitation.organization_id for invitation in given},
        invitation__in=[invitation.pk for invitation in given],
        state=StepState.STARTED,
    )
    # How long it is tried counts from now.
    started.update(started_at=clock.now())
    notices.detected([invitation for invitation in given if invitation.step == Step.PHOTO], batches_of(given))
    work.enqueue_many(order(invitation) for invitation in given)


@transaction.atomic
def again(invitation: Invitation, step: Step) -> Invitation:
    """Do an invitation's steps again from this one on; the caller holds the batch, and counts it as open.

    What was made stays until something else takes its place; what retention has removed is made again first.
    """
    step = _with_what_is_kept(invitation, step)
    later = STEPS[STEPS.index(step) :]
    tried = InvitationStep.objects.filter(invitation=invitation, step=Step.UPLOAD)
    # It may lie at Drive, though nobody came back to say so.
    invitation.is_on_drive = bool(invitation.drive_id) and (invitation.is_on_drive or tried.exists())
    InvitationStep.objects.filter(invitation=invitation, step__in=later).delete()
    invitation.state, invitation.step, invitation.finished_at = InvitationState.PENDING, step, None
    invitation.error_code = invitation.error_detail = invitation.found_link = ""
    invitation.save(
        update_fields=[
            *("state", "step", "finished_at", "error_code", "error_detail", "found_link", "is_on_drive")
        ]
    )
    begin([invitation])
    return invitation


def go_back(invitations: Iterable[Invitation]) -> None:
    """Have what retention has removed be made again, before work is owed; the caller holds their batch."""
    gone: dict[Step, list[Invitation]] = defaultdict(list)
    for invitation in invitations:
        step = _with_what_is_kept(invitation, Step(invitation.step))
        if step != invitation.step:
            invitation.step, invitation.is_on_drive = step, bool(invitation.drive_id)
            gone[step].append(invitation)
    for step, found in gone.items():
        later = STEPS[STEPS.index(step) :]
        own = InvitationStep.objects.for_organization(found[0].organization_id)
        own.filter(invitation__in=[row.pk for row in found], step__in=later).delete()
    rows.update([row for found in gone.values() for row in found], ["step", "is_on_drive"])


def order(invitation: Invitation, run_at: datetime | None = None) -> Order:
    """Return the work of an invitation's step: one waits at most."""
    return Order(
        kind=KINDS[invitation.step],
        subject_id=invitation.pk,
        organization_id=invitation.organization_id,
        queue=QUEUES[invitation.step],
        lane=f"invitation:{invitation.pk}",
        run_at=run_at,
        dedupe_key=str(invitation.pk),
    )


def after(step: Step | str) -> Step | None:
    """Return the step that comes next; None after the last."""
    place = STEPS.index(Step(step)) + 1
    return STEPS[place] if place < len(STEPS) else None


def _with_what_is_kept(invitation: Invitation, step: Step) -> Step:
    """Return where to begin, if not at this step: what it is made of may be kept no longer."""
    is_handed_out = STEPS.index(step) > STEPS.index(Step.UPLOAD) and invitation.is_on_drive
    if step == Step.PHOTO or invitation.card_uuid is not None or is_handed_out:
        return step
    # The card would show an avatar instead.
    if invitation.photo_url and invitation.photo_uuid is None:
        return Step.PHOTO
    return Step.RENDER


def batches_of(invitations: Sequence[Invitation]) -> dict[int, InvitationBatch]:
    """Return the batches of these by id; those that are loaded are not asked for."""
    found = {
        invitation.batch_id: invitation.batch
        for invitation in invitations
        if Invitation.batch.is_cached(invitation)
    }
    missing = {invitation.batch_id for invitation in invitations} - found.keys()
    if missing:
        others = InvitationBatch.objects.filter(pk__in=missing).select_related("organization")
        found |= {row.pk: row for row in others}
    return found
