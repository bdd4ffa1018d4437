"""The output table: each place of the input with what came out, streamed."""

from collections.abc import Iterator
from typing import Any, Final

from chatboost.core import clock
from chatboost.core.exchange import writing
from compression import links
from compression.choices import ImageState
from compression.models import CompressionRequest, Image

HEADINGS: Final = (
    *("Serial Number", "Product Name", "Input Image URL", "Output Image URL"),
    *("Bytes Before", "Bytes After", "Bytes Saved", "State", "Error", "Error Detail"),
)
CONTENT_TYPE: Final = "text/csv; charset=utf-8"
_CHUNK: Final = 1000


def name_of(request: CompressionRequest) -> str:
    """Return what the file is called."""
    stem = request.file_name.rpartition(".")[0] or request.file_name or "images"
    return f"{stem[:150]}-output.csv"


def write(request: CompressionRequest) -> Iterator[bytes]:
    """Yield the table as CSV, a thousand images in memory. No cell is a formula."""
    return writing.write_csv(HEADINGS, _chunks(request))


def _chunks(request: CompressionRequest) -> Iterator[list[list[Any]]]:
    """Go through the images in the order of the table: by product, then by place."""
    after = (0, -1)
    rows = Image.objects.filter(request=request).select_related("product").order_by("product_id", "position")
    while True:
        later = rows.filter(product_id=after[0], position__gt=after[1]) | rows.filter(product_id__gt=after[0])
        images = list(later[:_CHUNK])
        if not images:
            return
        yield [_row(request, image) for image in images]
        after = (images[-1].product_id, images[-1].position)


def _row(request: CompressionRequest, image: Image) -> list[Any]:
    saved = None
    if image.bytes_before is not None and image.bytes_after is not None:
        saved = image.bytes_before - image.bytes_after
    return [
        image.product.serial_number,
        image.product.name,
        image.url,
        output_url(request, image) or "",
        image.bytes_before,
        image.bytes_after,
        saved,
        state_word(image),
        image.error_code,
        image.error_detail,
    ]


def output_url(request: CompressionRequest, image: Image) -> str | None:
    """Return where an image's output is; None where there is none, or none any more."""
    if image.file_uuid is None or request.files_expire_at <= clock.now():
        return None
    return links.image(image.file_uuid, request.files_expire_at)


def state_word(image: Image) -> str:
    """Return an image's state as the table says it: `ok`, `kept`, or the state."""
    if image.state == ImageState.COMPLETED:
        return "kept" if image.is_kept else "ok"
    return str(image.state)
