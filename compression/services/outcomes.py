"""Ends of images, and the counts that move with them: in one transaction, under the request's lock."""

from collections.abc import Iterable
from typing import Final

from compression.choices import ImageState
from compression.models import CompressionRequest, Image

# What an image's end says; its other places say the same.
COLUMNS: Final = (
    *(
        "state",
        "is_kept",
        "error_code",
        "error_detail",
        "attempt_count",
        "sha256",
        "bytes_before",
        "bytes_after",
    ),
    *(
        "media_type",
        "width",
        "height",
        "quality",
        "scale",
        "similarity",
        "file_uuid",
        "original_uuid",
        "ended_at",
    ),
)
ENDED: Final = (ImageState.COMPLETED, ImageState.FAILED)


def copy(first: Image, place: Image) -> None:
    """Have another place of an image end as the image did."""
    for column in COLUMNS:
        setattr(place, column, getattr(first, column))


def count(request: CompressionRequest, ended: Iterable[Image]) -> None:
    """Add places that have just ended to the request's counts; the caller saves it."""
    for image in ended:
        if image.state == ImageState.FAILED:
            request.failed_count += 1
            continue
        request.done_count += 1
        request.kept_count += image.is_kept
        request.bytes_before += image.bytes_before or 0
        request.bytes_after += image.bytes_after or 0


COUNTS: Final = ("done_count", "kept_count", "failed_count", "bytes_before", "bytes_after")
