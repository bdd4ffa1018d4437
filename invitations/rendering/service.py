"""What runs in the renderer's children."""

import json
from collections.abc import Callable
from typing import Any

from chatboost.core import pictures
from chatboost.core.pictures import Limits
from invitations.rendering import cards, faces, fonts, messages
from invitations.rendering import pictures as preparing
from invitations.rendering.contract import FaceOptions

_shelf = cards.Shelf()
_limits = Limits()


def warm_up() -> None:
    """Load the libraries, so that the first card doesn't pay."""
    import segno  # noqa: F401
    import uharfbuzz  # noqa: F401
    from bidi import algorithm  # noqa: F401

    pictures.warm_up()
    faces.warm_up()
    fonts.warm_up()


def serve(parts: list[bytes]) -> list[bytes]:
    """Do one task.

    Raises:
        PictureError: what it is about does not come out.
    """
    head: dict[str, Any] = json.loads(parts[0])
    return _TASKS[head["task"]](head, *parts[1:])


def _photo(head: dict[str, Any], content: bytes) -> list[bytes]:
    return messages.answer(preparing.prepare_photo(content, FaceOptions(**head["options"]), _limits))


def _picture(head: dict[str, Any], content: bytes) -> list[bytes]:
    return messages.answer(preparing.prepare_picture(content, _limits))


def _font(head: dict[str, Any], content: bytes) -> list[bytes]:
    return messages.answer(fonts.check(content))


def _card(head: dict[str, Any], photo: bytes, assets: bytes) -> list[bytes]:
    request = messages.read_card_request(head, photo, assets)
    if head["document"] is None and _shelf.get(request.key) is None:
        return messages.wanted()
    return messages.answer(cards.render(request, _shelf, _limits))


_TASKS: dict[str, Callable[..., list[bytes]]] = {
    "photo": _photo,
    "picture": _picture,
    "font": _font,
    "card": _card,
}
