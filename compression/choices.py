"""The words of this room: what a request asks for, and where things are."""

from django.db import models


class Mode(models.TextChoices):
    """What "50 percent" means."""

    QUALITY = "quality", "Quality: encode at this quality"
    BYTES = "bytes", "Bytes: at most this share of the input’s bytes"


class Output(models.TextChoices):
    """Which format comes out."""

    SAME = "same", "The format of the input"
    WEBP = "webp", "WebP"
    SMALLER = "smaller", "The smaller of the two"


class RequestState(models.TextChoices):
    """Where a request is."""

    PENDING = "pending", "Pending"
    PROCESSING = "processing", "Processing"
    COMPLETED = "completed", "Completed"
    PARTIAL = "partial", "Partial"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class ImageState(models.TextChoices):
    """Where an image is."""

    PENDING = "pending", "Pending"
    PROCESSING = "processing", "Processing"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class DeliveryState(models.TextChoices):
    """What is known about a completion webhook."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    ANSWERED = "answered", "Answered"
    FAILED = "failed", "Failed"


OPEN = (RequestState.PENDING, RequestState.PROCESSING)
WAITING = (ImageState.PENDING, ImageState.PROCESSING)

ALLOWED_TRANSITIONS: dict[str, frozenset[str]] = {
    RequestState.PENDING: frozenset({RequestState.PROCESSING, RequestState.FAILED, RequestState.CANCELLED}),
    RequestState.PROCESSING: frozenset(
        {RequestState.COMPLETED, RequestState.PARTIAL, RequestState.FAILED, RequestState.CANCELLED}
    ),
    # Tried again.
    RequestState.PARTIAL: frozenset({RequestState.PROCESSING}),
    RequestState.FAILED: frozenset({RequestState.PROCESSING}),
    RequestState.COMPLETED: frozenset(),
    RequestState.CANCELLED: frozenset(),
}


def product_state(counts: dict[str, int]) -> str:
    """Return the state of a product, or of any group of images, by how many of them are in which state.

    What is under way counts first; then a product is what its images have come to.
    """
    here = {state for state, count in counts.items() if count}
    if ImageState.PROCESSING in here or (ImageState.PENDING in here and len(here) > 1):
        return RequestState.PROCESSING
    if len(here) == 1:
        return RequestState(here.pop())
    if not here:
        return RequestState.PENDING
    return RequestState.PARTIAL if ImageState.COMPLETED in here else RequestState.FAILED
