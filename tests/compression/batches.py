"""Tables of image URLs, handed in and worked on, with a clock that moves to whatever is due next."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work.drain import drain
from chatboost.core.work.sweep import sweep
from compression.models import CompressionRequest, Image
from compression.services import requests
from teams.models import Organization

QUEUES = ("media", "maintenance")
HEADINGS = ("S. No.", "Product Name", "Input Image Urls")
EMAIL = "buyer@example.com"


def table(rows: Iterable[Sequence[str]], headings: Sequence[str] = HEADINGS) -> io.BytesIO:
    """Return a CSV."""
    text = io.StringIO()
    csv.writer(text).writerows([headings, *rows])
    return io.BytesIO(text.getvalue().encode())


def products(*urls: str | Sequence[str]) -> io.BytesIO:
    """Return a CSV with a product for each URL, or for each list of them."""
    cells = [each if isinstance(each, str) else ", ".join(each) for each in urls]
    return table((str(number), f"Product {number}", cell) for number, cell in enumerate(cells, 1))


def hand_in(organization: Organization, *urls: str | Sequence[str], **fields: Any) -> CompressionRequest:
    """Hand a table of these products in."""
    fields.setdefault("email", EMAIL)
    return requests.create(organization=organization, file=products(*urls), **fields)


def work(
    now: datetime | None = None, *, within: timedelta = timedelta(hours=2), queues: Sequence[str] = QUEUES
) -> datetime:
    """Do all work that comes due within this time; returns when it was done."""
    now = now or clock.now()
    ends = now + within
    while True:
        with clock.frozen(now):
            sweep(now=now)
            done = sum(drain(name, now=lambda: now) for name in queues)  # noqa: B023
        if done:
            continue
        waiting = WorkItem.objects.filter(state__in=[WorkState.SCHEDULED, WorkState.READY], queue__in=queues)
        due = waiting.filter(run_at__gt=now).aggregate(at=Min("run_at"))["at"]
        if due is None or due > ends:
            return now
        now = due


def again(request: CompressionRequest) -> CompressionRequest:
    """Return the row as it is now."""
    return CompressionRequest.objects.get(pk=request.pk)


def ends(request: CompressionRequest) -> list[tuple[str, str]]:
    """Return how each place ended, in the order of the table: state and error."""
    rows = Image.objects.filter(request=request).order_by("product_id", "position")
    return list(rows.values_list("state", "error_code"))
