"""How much of this room's an organization may have."""

from django.db.models import F, Sum

from compression.choices import OPEN
from compression.models import CompressionRequest
from teams.limits import declare
from teams.models import Organization


def _waiting_images(organization: Organization) -> int:
    """Count by the requests: not every image is a row yet."""
    rows = CompressionRequest.objects.for_organization(organization).filter(state__in=OPEN)
    left = Sum(F("total_count") - F("done_count") - F("failed_count"))
    return int(rows.aggregate(left=left)["left"] or 0)


declare(
    "compression_requests",
    "compression requests under way",
    20,
    lambda organization: (
        CompressionRequest.objects.for_organization(organization).filter(state__in=OPEN).count()
    ),
)
declare("compression_images", "images waiting to be compressed", 200_000, _waiting_images)
