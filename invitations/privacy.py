"""Forgetting people who were invited, and telling them what is kept.

An erased invitation stays as a row without a person, so that counts stay true, and under a hash of its
contact's number, so that whoever is fetched again later is not invited again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet

from chatboost.core import audit, clock, files
from chatboost.core.models import File
from chatboost.core.work import queue as work
from invitations import links
from invitations.choices import OPEN, InvitationState
from invitations.models import (
    Invitation,
    InvitationBatch,
    InvitationSource,
    InvitationStep,
    SandboxContact,
)
from invitations.services import completion, people, reports, steps
from teams import privacy
from teams.models import Organization

REMOVE_KIND: Final = "invitations.remove"
# What says nothing about anybody any more.
_BLANK: Final[dict[str, Any]] = {
    **dict.fromkeys(("name", "email", "photo_url", "lucky_number", "link", "found_link", "error_detail"), ""),
    **dict.fromkeys(("photo_uuid", "card_uuid", "thumbnail_uuid", "face", "crop")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A person: by e-mail address, or by what a source calls the contact."""

    email: str = ""
    source: InvitationSource | None = None
    external_id: str = ""


def find(organization: Organization, who: Who) -> "QuerySet[Any]":
    """Return a person's invitations, dry runs' as well. Whoever is not named has none."""
    rows: QuerySet[Any] = Invitation.objects.for_organization(organization)
    meant = Q(pk__in=[])
    if who.email:
        meant |= Q(email__iexact=who.email.strip())
    if who.source is not None and who.external_id:
        meant |= Q(source=who.source, external_id=who.external_id)
    return rows.filter(meant)


@transaction.atomic
def forget(organization: Organization, who: Who, *, actor: Any | None = None) -> int:
    """Erase a person: rows, pictures, what Telegram was told, reports, and the cards at Drive by their work.

    Returns how many invitations there were. Twice is as good as once.
    """
    ids = list(find(organization, who).values_list("pk", flat=True))
    rows = _locked(organization, ids)
    for invitation in rows:
        _erase(invitation, actor)
    # Reports are tables of names; whoever wants one again gets one without.
    if rows:
        old = File.objects.for_organization(organization).filter(purpose=reports.PURPOSE)
        files.give_up(list(old.values_list("uuid", flat=True)))
    return len(rows)


def export(organization: Organization, who: Who) -> list[dict[str, Any]]:
    """Return what is kept about a person, as JSON would have it. Two queries."""
    rows = find(organization, who).select_related("batch", "source").prefetch_related("steps").order_by("id")
    return [_exported(invitation) for invitation in rows]


def _locked(organization: Organization, ids: Iterable[int]) -> list[Invitation]:
    """Lock sources, batches and invitations, in this order."""
    meant = Invitation.objects.for_organization(organization).filter(pk__in=list(ids))
    places = list(meant.values_list("source_id", "batch_id"))
    sources = InvitationSource.objects.for_organization(organization).filter(
        pk__in={source for source, _ in places}
    )
    found = {row.pk: row for row in sources.select_for_update(no_key=True).order_by("id")}
    batches = InvitationBatch.objects.for_organization(organization).filter(
        pk__in={batch for _, batch in places}
    )
    held = {row.pk: row for row in batches.select_for_update(no_key=True).order_by("id")}
    rows = list(meant.select_for_update(no_key=True).order_by("id"))
    for invitation in rows:
        invitation.source, invitation.batch = found[invitation.source_id], held[invitation.batch_id]
    return rows


def _erase(invitation: Invitation, actor: Any | None) -> None:
    files.give_up(
        [
            uuid
            for uuid in (invitation.photo_uuid, invitation.card_uuid, invitation.thumbnail_uuid)
            if uuid is not None
        ]
    )
    if invitation.external_id.isdigit():
        SandboxContact.objects.filter(
            source=invitation.source, number=int(invitation.external_id[:9])
        ).delete()
    _end(invitation)
    for field, value in _BLANK.items():
        setattr(invitation, field, value)
    invitation.values, invitation.notes = {}, []
    if not invitation.external_id.startswith(f"{people.ERASED}:"):
        invitation.external_id = people.erased_name(invitation.source, invitation.external_id)
    invitation.save()
    InvitationStep.objects.filter(invitation=invitation).update(external_id="", error_detail="")
    if invitation.drive_id:
        _owe_removal(invitation)
    privacy.forget(invitation.organization_id, invitation._meta.label_lower, invitation.pk)
    audit.forget(invitation)
    audit.record(actor=actor, verb="invitation.erased", object=invitation)


def _end(invitation: Invitation) -> None:
    """End what is under way, or waits for somebody: whoever is at it finds nothing to do any more."""
    if invitation.state not in (*OPEN, InvitationState.CONFLICT):
        return
    completion.count(invitation.batch, [invitation], by=-1)
    invitation.state, invitation.finished_at = InvitationState.FAILED, clock.now()
    invitation.error_code = people.ERASED
    batch = invitation.batch
    completion.count(batch, [invitation])
    completion.advance(batch)


def _owe_removal(invitation: Invitation) -> None:
    """Owe the removal of the card at Drive: in the invitation's lane, behind whoever may be uploading it."""
    work.enqueue(
        work.Order(
            kind=REMOVE_KIND,
            subject_id=invitation.pk,
            organization_id=invitation.organization_id,
            queue=steps.MAINTENANCE,
            lane=f"invitation:{invitation.pk}",
            dedupe_key=str(invitation.pk),
        )
    )


def _exported(invitation: Invitation) -> dict[str, Any]:
    return {
        "source": invitation.source.name,
        "batch": invitation.batch.name,
        "external_id": invitation.external_id,
        "name": invitation.name,
        "email": invitation.email,
        "values": invitation.values,
        "photo_url": invitation.photo_url,
        "lucky_number": invitation.lucky_number,
        "state": invitation.state,
        "link": invitation.link,
        "card": links.card(invitation.uuid) if invitation.card_uuid else "",
        "created_at": invitation.created_at.isoformat(),
        "finished_at": invitation.finished_at.isoformat() if invitation.finished_at else None,
        "steps": [
            {"step": row.step, "state": row.state, "started_at": row.started_at.isoformat()}
            for row in sorted(invitation.steps.all(), key=lambda row: row.pk)
        ],
    }
