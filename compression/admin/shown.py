"""What the console shows of a request: numbers, a page of images, before beside after."""

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count
from django.template.defaultfilters import filesizeformat

from chatboost.core import clock
from chatboost.core.admin.display import state_label
from chatboost.core.files import store
from compression import links
from compression.choices import OPEN, ImageState, Mode
from compression.models import CompletionDelivery, CompressionRequest, Image
from compression.selectors import requests
from compression.services import signing

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Line:
    """An image as a line of the table."""

    image: Image
    label: Any
    thumbnail: str
    saved: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines, and whether there are others."""

    lines: list[Line]
    number: int
    has_next: bool

    @property
    def previous(self) -> int:
        """The page before; 0 for none."""
        return self.number - 1

    @property
    def next(self) -> int:
        """The page behind; 0 for none."""
        return self.number + 1 if self.has_next else 0


def images(request: CompressionRequest, *, only: str, page: int) -> Page:
    """Return a page of a request's images in the order of the table, of one state only if given."""
    rows = Image.objects.filter(request=request).select_related("product").order_by("product_id", "position")
    if only in ImageState.values:
        rows = rows.filter(state=only)
    number = max(1, page)
    found = list(rows[(number - 1) * PAGE : number * PAGE + 1])
    lines = [_line(request, image) for image in found[:PAGE]]
    return Page(lines, number, len(found) > PAGE)


def state_counts(request: CompressionRequest) -> list[tuple[str, str, int]]:
    """Return how many images are in which state: stored word, words, number."""
    rows = Image.objects.filter(request=request).order_by().values_list("state").annotate(count=Count("id"))
    counts = dict(rows)
    return [
        (state.value, state.label, counts[state.value]) for state in ImageState if counts.get(state.value)
    ]


def bar(request: CompressionRequest) -> dict[str, Any]:
    """Say how far a request is, as `core/job_bar.html` draws it."""
    share, ended = requests.progress(request), request.done_count + request.failed_count
    return {
        "percent": round(share * 100),
        "words": f"{share:.0%}, {ended:,} of {request.total_count:,}",
        "is_open": request.state in OPEN,
    }


def numbers(request: CompressionRequest) -> list[tuple[str, str, str]]:
    """Return the figures above the table: title, value, a word about it."""
    kept = (
        f"{request.kept_count:,} could not be smaller"
        if request.kept_count
        else f"of {request.total_count:,}"
    )
    failed = "with a reason each" if request.failed_count else "so far" if request.state in OPEN else ""
    return [
        ("Compressed", f"{request.done_count:,}", kept),
        ("Failed", f"{request.failed_count:,}", failed),
        ("Before", filesizeformat(request.bytes_before), "bytes fetched"),
        ("After", filesizeformat(request.bytes_after), "bytes stored"),
        (
            "Saved",
            saving(request.bytes_before, request.bytes_after) or "—",
            filesizeformat(request.bytes_saved),
        ),
    ]


def saving(before: int | None, after: int | None) -> str:
    """Return by how much something is smaller, "" where there is nothing to compare."""
    return f"{1 - after / before:.0%}" if before and after is not None else ""


def wishes(request: CompressionRequest) -> str:
    """Say in words how the images shall come out."""
    how = (
        f"quality {request.quality}"
        if request.mode == Mode.QUALITY
        else f"at most {request.percent} % of the bytes"
    )
    return f"{how}; {request.get_output_display().lower().replace('webp', 'WebP')}"


def delivery(request: CompressionRequest) -> CompletionDelivery | None:
    """Return the newest webhook of a request that has one."""
    if not request.webhook_url:
        return None
    return CompletionDelivery.objects.filter(request=request).order_by("-round").first()


def signing_key(request: CompressionRequest) -> str:
    """Return what the organization's webhooks are signed with, for a request that has one."""
    return signing.key_of(request.organization_id) if request.webhook_url else ""


def comparison(request: CompressionRequest, image: Image) -> dict[str, Any]:
    """Return an image before and after; a side that is not kept any more has no address."""
    wanted = [uuid for uuid in (image.original_uuid, image.file_uuid) if uuid]
    rows = store.ready().filter(organization_id=request.organization_id, uuid__in=wanted)
    found = {file.uuid: file for file in rows}
    sides = []
    for title, uuid, size in (
        ("Before", image.original_uuid, image.bytes_before),
        ("After", image.file_uuid, image.bytes_after),
    ):
        file = found.get(uuid) if uuid else None
        sides.append((title, links.image_path(file.uuid) if file else "", size, file))
    return {
        "batch": request,
        "image": image,
        "label": _label(image),
        "sides": sides,
        "saved": saving(image.bytes_before, image.bytes_after),
        "next_image": _neighbour(request, image),
    }


def _neighbour(request: CompressionRequest, image: Image) -> Image | None:
    """Return the next image of the table that has an output."""
    rows = Image.objects.filter(request=request, state=ImageState.COMPLETED)
    here = rows.filter(product=image.product_id, position__gt=image.position)
    return (
        here.order_by("position").first()
        or rows.filter(product__gt=image.product_id).order_by("product_id", "position").first()
    )


def _line(request: CompressionRequest, image: Image) -> Line:
    is_there = image.file_uuid is not None and request.files_expire_at > clock.now()
    return Line(
        image=image,
        label=_label(image),
        thumbnail=links.image_path(image.file_uuid) if is_there and image.file_uuid else "",
        saved=saving(image.bytes_before, image.bytes_after),
    )


def _label(image: Image) -> Any:
    return state_label(image.state, "Kept" if image.is_kept else image.get_state_display())
