"""Spreading a request: its products' URLs become rows of images with their work, some hundred at a time."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from chatboost.core import clock
from chatboost.core.db import rows
from chatboost.core.work import finish
from chatboost.core.work.kinds import BatchKind, Item
from compression.choices import OPEN, WAITING, ImageState
from compression.models import CompressionRequest, Image, Product
from compression.services import completion, lines, outcomes, requests

# On SQLite a chunk holds the only write lock.
CHUNK: Final = 400
# In the images that were written down by then. Of the others the request's mail says it.
GIVEN_UP: Final = "The request could not be prepared: the worker died or failed each time."


class SpreadKind(BatchKind[dict[int, CompressionRequest], CompressionRequest | None]):
    """Makes the next images of a request; the last chunk says that all are there."""

    name = requests.SPREAD_KIND

    def load(self, items: Sequence[Item]) -> dict[int, CompressionRequest]:
        """Lock the items, then their requests."""
        ids = [item.subject_id for item in finish.still_held(items)]
        found = CompressionRequest.objects.filter(pk__in=ids, state__in=OPEN, is_spread=False)
        return {row.pk: row for row in found.select_for_update(no_key=True).order_by("id")}

    def apply(self, item: Item, context: dict[int, CompressionRequest]) -> CompressionRequest | None:
        """Find the item's request; None when nothing is left to do for it."""
        return context.get(item.subject_id)

    def save(
        self, results: Sequence[CompressionRequest | None], context: dict[int, CompressionRequest]
    ) -> None:
        """Write the images."""
        for request in filter(None, results):
            _spread(request)

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """End the requests whose work was given up: what is not done has failed, written down or not."""
        found = CompressionRequest.objects.filter(pk__in=subject_ids, state__in=OPEN, is_spread=False)
        for request in found.select_for_update(no_key=True).order_by("id"):
            Image.objects.filter(request=request, state__in=WAITING).update(
                state=ImageState.FAILED, ended_at=clock.now(), error_code="given_up", error_detail=GIVEN_UP
            )
            request.failed_count = request.total_count - request.done_count
            completion.advance(request)


def _spread(request: CompressionRequest) -> None:
    left = Product.objects.filter(request=request, pk__gt=request.spread_to).order_by("id")
    products = _some(list(left[:CHUNK]))
    if products:
        ended = _write_images(request, products)
        request.spread_to = products[-1].pk
        outcomes.count(request, ended)
    request.is_spread = not Product.objects.filter(request=request, pk__gt=request.spread_to).exists()
    request.save(update_fields=["spread_to", "is_spread"])
    if not request.is_spread:
        requests.spread(request)
    completion.advance(request)


def _some(products: list[Product]) -> list[Product]:
    """Keep as many products as have a chunk's images, but one at least."""
    count = 0
    for place, product in enumerate(products):
        count += len(product.input_urls)
        if count > CHUNK and place:
            return products[:place]
    return products


def _write_images(request: CompressionRequest, products: Sequence[Product]) -> list[Image]:
    """Write the images, owe the work of those that are first of their URL; returns what has ended already."""
    images = [
        Image(
            organization_id=request.organization_id,
            request=request,
            product=product,
            position=position,
            url=url,
            url_hash=sha256(url.encode()).hexdigest(),
            line="",
        )
        for product in products
        for position, url in enumerate(product.input_urls)
    ]
    for number, image in enumerate(images):
        image.line = lines.line_of(image.url, number)
    known = _firsts(request, {image.url_hash for image in images})
    new: dict[str, Image] = {}
    for image in images:
        if image.url_hash not in known:
            new.setdefault(image.url_hash, image)
    rows.create(list(new.values()))
    places = [image for image in images if image.pk is None]
    for place in places:
        first = known.get(place.url_hash) or new[place.url_hash]
        place.same_as = first
        if first.state in outcomes.ENDED:
            outcomes.copy(first, place)
    rows.create(places)
    lines.begin(request, (image.line for image in new.values()))
    return [place for place in places if place.state != ImageState.PENDING]


def _firsts(request: CompressionRequest, hashes: set[str]) -> dict[str, Image]:
    """Return those of earlier chunks that have these URLs."""
    found = Image.objects.filter(request=request, same_as=None, url_hash__in=hashes)
    return {image.url_hash: image for image in found}
