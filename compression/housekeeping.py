"""How long this room keeps what."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from chatboost.core import preferences, retention
from compression.models import CompressionRequest, HostPause, Image, Product
from compression.preferences import CompressionSettings


def expired_requests(now: datetime) -> QuerySet[Any]:
    """Return the requests that ended longer ago than their organization keeps them."""
    own = preferences.set_by_organization(CompressionSettings)
    too_old = Q(finished_at__lt=_cutoff(now, CompressionSettings())) & ~Q(organization_id__in=own)
    for organization_id, settings in own.items():
        too_old |= Q(organization_id=organization_id, finished_at__lt=_cutoff(now, settings))
    rows: QuerySet[Any] = CompressionRequest.objects.filter(too_old)
    return rows


def _cutoff(now: datetime, settings: CompressionSettings) -> datetime:
    return now - timedelta(days=settings.requests_kept_days)


# How long is each organization's own setting. Images and tables are files, with an end of their own.
# A request may have a hundred thousand images: they go first, in pieces.
retention.keep(
    "compression images",
    days=0,
    rows=lambda cutoff: Image.objects.filter(request__in=expired_requests(cutoff)),
)
retention.keep(
    "compression products",
    days=0,
    rows=lambda cutoff: Product.objects.filter(request__in=expired_requests(cutoff), images=None),
)
retention.keep(
    "compression requests", days=0, rows=lambda cutoff: expired_requests(cutoff).filter(products=None)
)
retention.keep("host pauses", days=0, rows=lambda cutoff: HostPause.objects.filter(until__lt=cutoff))
