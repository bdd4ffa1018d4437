"""How long this room keeps what."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from chatboost.core import preferences, retention
from chatboost.core.models import WorkItem
from chatboost.messaging.models import AttemptState, SendAttempt, WebhookReceipt
from chatboost.messaging.preferences import MessagingSettings
from chatboost.messaging.services.receipts import INBOUND_KIND, STATUS_KIND


def expired_receipts(now: datetime) -> QuerySet[Any]:
    """Return the receipts that are older than their organization keeps them.

    Work that is still owed keeps its own.
    """
    own = preferences.set_by_organization(MessagingSettings)
    too_old = Q(received_at__lt=_cutoff(now, MessagingSettings())) & ~Q(organization_id__in=own)
    for organization_id, settings in own.items():
        too_old |= Q(organization_id=organization_id, received_at__lt=_cutoff(now, settings))
    owed = WorkItem.objects.filter(kind__in=[INBOUND_KIND, STATUS_KIND]).values("subject_id")
    rows: QuerySet[Any] = WebhookReceipt.objects.filter(too_old).exclude(id__in=owed)
    return rows


def _cutoff(now: datetime, settings: MessagingSettings) -> datetime:
    return now - timedelta(days=settings.receipts_kept_days)


# An echo finds its attempt by tracker; none comes after so long. Unclear ones wait for an operator.
retention.keep(
    "send attempts",
    days=90,
    rows=lambda cutoff: SendAttempt.objects.filter(
        finished_at__lt=cutoff, state__in=[AttemptState.ACCEPTED, AttemptState.REJECTED]
    ),
)
# How long is each organization's own setting.
retention.keep("webhook receipts", days=0, rows=expired_receipts)
