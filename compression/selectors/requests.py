"""Reading requests: by their public id, and how far they are."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count

from chatboost.core.errors import NotFound
from compression.choices import product_state
from compression.models import CompressionRequest, Image, Product
from compression.selectors import output_table
from teams.models import Organization


def get(organization: Organization, uuid: UUID) -> CompressionRequest:
    """Return a request of the organization. Raises: NotFound."""
    found = CompressionRequest.objects.for_organization(organization).filter(uuid=uuid).first()
    if found is None:
        raise NotFound("No such request.")
    return found


def progress(request: CompressionRequest) -> float:
    """Return how much has ended, from 0 to 1; a cancelled request stays where it was."""
    ended = request.done_count + request.failed_count
    return round(ended / request.total_count, 4) if request.total_count else 1.0


def details(request: CompressionRequest, products: Sequence[Product]) -> dict[str, Any]:
    """Return products by name with their URLs, tasks and images, in the order of the table. One query.

    Rows of one name come together. What is not spread yet has no task and waits.
    """
    found: dict[int, dict[int, Image]] = {product.pk: {} for product in products}
    for image in Image.objects.filter(request=request, product__in=products):
        found[image.product_id][image.position] = image
    document: dict[str, Any] = {}
    for product in products:
        entry = document.setdefault(
            product.name, {"input_urls": [], "output_urls": [], "task_ids": [], "images": []}
        )
        for position, url in enumerate(product.input_urls):
            place = found[product.pk].get(position)
            entry["input_urls"].append(url)
            entry["output_urls"].append(output_table.output_url(request, place) if place else None)
            entry["task_ids"].append(task_id(place))
            entry["images"].append(_image(place or Image(url=url)))
    return document


def task_id(image: Image | None) -> str | None:
    """Return the id of the work item that makes an image; other places of a URL have none of their own."""
    return str(image.work_item_id) if image is not None and image.work_item_id else None


def states_of(products: Sequence[Product]) -> dict[int, str]:
    """Return the states of products of one request, by id. One query."""
    if not products:
        return {}
    counted = Image.objects.filter(request=products[0].request_id, product__in=products)
    counts: dict[int, dict[str, int]] = {product.pk: {} for product in products}
    for product_id, state, count in (
        counted.order_by().values_list("product_id", "state").annotate(count=Count("id"))
    ):
        counts[product_id][state] = count
    return {product_id: product_state(found) for product_id, found in counts.items()}


def _image(image: Image) -> dict[str, Any]:
    return {
        "state": image.state.upper(),
        "is_kept": image.is_kept,
        "error": image.error_code,
        "error_detail": image.error_detail,
        "bytes_before": image.bytes_before,
        "bytes_after": image.bytes_after,
        "media_type": image.media_type,
        "width": image.width,
        "height": image.height,
        "quality": image.quality,
        "similarity": image.similarity,
    }
