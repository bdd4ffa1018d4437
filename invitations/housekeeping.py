"""What this room's clock owes, and how long it keeps what."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from chatboost.core import preferences, retention, ticks
from invitations.models import Invitation, InvitationBatch
from invitations.preferences import InvitationSettings
from invitations.services import batches
from invitations.work import polling

ticks.declare("look for new contacts", run=polling.owe_due, every=timedelta(minutes=1))


def ended_long_ago(now: datetime, setting: str) -> Q:
    """Return what ended longer ago than its organization keeps it; how long is a setting in days."""
    own = preferences.set_by_organization(InvitationSettings)
    too_old = Q(finished_at__lt=_cutoff(now, InvitationSettings(), setting)) & ~Q(organization_id__in=own)
    for organization_id, settings in own.items():
        too_old |= Q(organization_id=organization_id, finished_at__lt=_cutoff(now, settings, setting))
    return too_old


def expired_batches(now: datetime) -> "QuerySet[Any]":
    """Return the batches that are not kept any longer."""
    rows: QuerySet[Any] = InvitationBatch.objects.filter(ended_long_ago(now, "batches_kept_days"))
    return rows


def forget_photos(rows: "QuerySet[Any]") -> None:
    """Remove the photos of some invitations; their cards stay."""
    batches.give_up_files(rows, "photo_uuid")
    rows.update(photo_uuid=None)


def forget_cards(rows: "QuerySet[Any]") -> None:
    """Remove the cards of some invitations, here; their links lead nowhere then."""
    batches.give_up_files(rows, "card_uuid", "thumbnail_uuid")
    rows.update(card_uuid=None, thumbnail_uuid=None)


def remove_invitations(rows: "QuerySet[Any]") -> None:
    """Remove some invitations, with their pictures."""
    batches.give_up_files(rows)
    rows.delete()


def _cutoff(now: datetime, settings: InvitationSettings, setting: str) -> datetime:
    return now - timedelta(days=getattr(settings, setting))


# How long is each organization's own setting. A batch may have very many invitations: they go first.
retention.keep(
    "invitation photos",
    days=0,
    rows=lambda cutoff: Invitation.objects.exclude(photo_uuid=None).filter(
        ended_long_ago(cutoff, "photos_kept_days")
    ),
    remove=forget_photos,
)
retention.keep(
    "invitation cards",
    days=0,
    rows=lambda cutoff: Invitation.objects.exclude(card_uuid=None).filter(
        ended_long_ago(cutoff, "cards_kept_days")
    ),
    remove=forget_cards,
)
retention.keep(
    "invitations",
    days=0,
    rows=lambda cutoff: Invitation.objects.filter(batch__in=expired_batches(cutoff)).exclude(
        batches.REMOVAL_OWED
    ),
    remove=remove_invitations,
)
retention.keep(
    "invitation batches", days=0, rows=lambda cutoff: expired_batches(cutoff).filter(invitations=None)
)
