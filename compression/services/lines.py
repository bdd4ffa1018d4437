"""Lines of images at their hosts, and the work of whoever is at their heads.

A host is called by a bounded number of lines of a request at a time. Only the head of a line has a work item,
which takes some of those behind it along. Whoever ends their first try, in whatever way, puts the next one in
the head's place, in the same transaction and under the lock of the request. So the work table stays small
however large a table of images is, and an image that is tried again later holds up nobody.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Min, QuerySet

from chatboost.core.db import rows
from chatboost.core.work import queue as work
from chatboost.core.work.queue import Order
from compression.choices import WAITING, ImageState
from compression.models import CompressionRequest, Image

IMAGE_KIND: Final = "compression.image"
# Images, which take their time, have a queue of their own.
QUEUE: Final = "media"


def host_of(url: str) -> str:
    """Return the host, with its port, that a URL's first call goes to; "" where it names none."""
    try:
        parts = urlsplit(url)
        return (f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or "")[:260]
    except ValueError:
        return ""


def line_of(url: str, number: int) -> str:
    """Return the line of a URL; the number deals a host's images to its lines."""
    host = blake2b(host_of(url).encode(), digest_size=10).hexdigest()
    return f"{host}:{number % max(1, settings.COMPRESSION_HOST_CONNECTIONS)}"


def order(image: Image, run_at: datetime | None = None) -> Order:
    """Return the work of an image.

    One of a lane runs at a time, wherever: requests of an organization share their lines at a host, those of
    several organizations don't, or one with many images would hold up everybody's.
    """
    return Order(
        kind=IMAGE_KIND,
        subject_id=image.pk,
        organization_id=image.organization_id,
        queue=QUEUE,
        lane=f"image:{image.organization_id}:{image.line}",
        run_at=run_at,
    )


def begin(request: CompressionRequest, lines: Iterable[str]) -> None:
    """Let the next images of these lines go, where nobody is at the head yet."""
    wanted = set(lines)
    heads = Image.objects.filter(
        request=request, line__in=wanted, work_item_id__isnull=False, attempt_count=0, state__in=WAITING
    )
    proceed(request, wanted - set(heads.values_list("line", flat=True)))


def proceed(request: CompressionRequest, lines: Iterable[str]) -> None:
    """Put the next image of each line at its head. Three statements, one where nobody waits."""
    heads = (
        _unclaimed(request.organization_id, request.pk, set(lines))
        .order_by()
        .values_list("line")
        .annotate(next_id=Min("id"))
    )
    _owe([Image(pk=id_, organization_id=request.organization_id, line=line) for line, id_ in heads])


def behind(head: Image, count: int) -> list[Image]:
    """Return the next images of the head's line. Whoever asks has the lane, so nobody else takes them."""
    return list(_unclaimed(head.organization_id, head.request_id, {head.line}).order_by("id")[:count])


def _unclaimed(organization_id: int, request_id: int, lines: set[str]) -> QuerySet[Any]:
    rows: QuerySet[Any] = Image.objects.for_organization(organization_id).filter(
        request=request_id,
        line__in=lines,
        state=ImageState.PENDING,
        work_item_id__isnull=True,
        same_as__isnull=True,
    )
    return rows


def _owe(images: Sequence[Image]) -> None:
    if not images:
        return
    numbers = work.enqueue_known(order(image) for image in images)
    for image in images:
        image.work_item_id = numbers.get(image.pk)
    rows.update(images, ["work_item_id"])
