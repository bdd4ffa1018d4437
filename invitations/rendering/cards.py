"""Draw cards, and keep the templates of the last layouts ready."""

from collections import OrderedDict
from typing import Any

from chatboost.core.pictures import Limits, PictureError
from invitations.rendering import documents
from invitations.rendering.contract import Card, CardRequest, LayoutError
from invitations.rendering.photos import Photo
from invitations.rendering.templates import Drawing, Template

MOST_TEMPLATES = 4
MOST_BYTES = 96 * 1024 * 1024


class Shelf:
    """Templates by key, the last used of them; never more than fit into their share of memory."""

    def __init__(self) -> None:
        self._templates: OrderedDict[str, Template] = OrderedDict()

    def get(self, key: str) -> Template | None:
        """Return a template that is there."""
        if key in self._templates:
            self._templates.move_to_end(key)
        return self._templates.get(key)

    def prepare(
        self, key: str, document: dict[str, Any], assets: dict[str, bytes], limits: Limits
    ) -> Template:
        """Make a template, and let go of others if there are too many.

        Raises:
            PictureError: `bad_layout`, `unknown_picture`, `unknown_font`, `not_a_font`, or as of a picture.
        """
        try:
            layout = documents.parse(document)
        except LayoutError as error:
            raise PictureError("bad_layout", str(error)[:2000]) from error
        # Room is made before: both at a time may be more than a child has.
        while len(self._templates) >= MOST_TEMPLATES or self._bytes() > MOST_BYTES // 2:
            self._templates.popitem(last=False)
        template = self._templates[key] = Template(layout, assets, limits)
        return template

    def _bytes(self) -> int:
        return sum(template.weight for template in self._templates.values())


def render(request: CardRequest, shelf: Shelf, limits: Limits) -> Card:
    """Draw a card, with the template on the shelf if there is one.

    Raises:
        PictureError: it does not come out.
    """
    template = shelf.get(request.key) or shelf.prepare(request.key, request.document, request.assets, limits)
    photo = None if request.photo is None else Photo(request.photo, limits)
    drawing = Drawing(request.values, photo=photo, face=request.face, crop=request.crop)
    return template.render(drawing)
