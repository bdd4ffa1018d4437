"""What the pool and its children say to each other: JSON, and bytes beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from invitations.rendering.contract import (
    Box,
    Card,
    CardRequest,
    FaceOptions,
    FontInfo,
    PreparedPhoto,
    PreparedPicture,
    TextBox,
)

Parts = list[bytes]


def _head(task: str, **fields: Any) -> bytes:
    return json.dumps({"task": task, **fields}).encode()


def photo_request(content: bytes, options: FaceOptions) -> Parts:
    """Write a request for a photo."""
    return [_head("photo", options=asdict(options)), content]


def picture_request(content: bytes) -> Parts:
    """Write a request for a layout's picture."""
    return [_head("picture"), content]


def font_request(content: bytes) -> Parts:
    """Write a request about a font."""
    return [_head("font"), content]


def card_request(request: CardRequest, *, with_assets: bool) -> Parts:
    """Write a request for a card. Assets are sent to a child that asked for them."""
    names = sorted(request.assets) if with_assets else None
    head = _head(
        "card",
        key=request.key,
        document=request.document if with_assets else None,
        values=request.values,
        face=request.face,
        crop=request.crop,
        has_photo=request.photo is not None,
        assets=names and {name: len(request.assets[name]) for name in names} if with_assets else None,
    )
    return [head, request.photo or b"", b"".join(request.assets[name] for name in names or ())]


def read_card_request(head: Mapping[str, Any], photo: bytes, assets: bytes) -> CardRequest:
    """Read a request for a card; without its document, if none was sent."""
    cut: dict[str, bytes] = {}
    at = 0
    for name, length in (head["assets"] or {}).items():
        cut[name] = assets[at : at + length]
        at += length
    return CardRequest(
        key=head["key"],
        document=head["document"] or {},
        assets=cut,
        values=head["values"],
        photo=photo if head["has_photo"] else None,
        face=_box(head["face"]),
        crop=_box(head["crop"]),
    )


def answer(done: Card | PreparedPhoto | PreparedPicture | FontInfo) -> Parts:
    """Write an answer."""
    fields = asdict(done)
    content = fields.pop("content", b"")
    return [json.dumps(fields).encode(), content]


def wanted() -> Parts:
    """Write that the document and its assets are wanted."""
    return [b"{}"]


def read_photo(parts: Sequence[bytes]) -> PreparedPhoto:
    """Read what became of a photo."""
    fields, content = _read(parts)
    fields["faces"] = [Box(*box) for box in fields["faces"]]
    fields["chosen"] = _box(fields["chosen"])
    return PreparedPhoto(content=content, **fields)


def read_picture(parts: Sequence[bytes]) -> PreparedPicture:
    """Read what became of a picture."""
    fields, content = _read(parts)
    return PreparedPicture(content=content, **fields)


def read_font(parts: Sequence[bytes]) -> FontInfo:
    """Read what a font is."""
    return FontInfo(**_read(parts)[0])


def read_card(parts: Sequence[bytes]) -> Card | None:
    """Read a card; None if the document and its assets are wanted."""
    if len(parts) == 1:
        return None
    fields, content = _read(parts)
    fields["texts"] = [TextBox(**{**each, "box": Box(*each["box"])}) for each in fields["texts"]]
    return Card(content=content, **fields)


def _read(parts: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    head, content = parts
    return json.loads(head), content


def _box(value: Sequence[int] | None) -> Box | None:
    return None if value is None else Box(*value)
