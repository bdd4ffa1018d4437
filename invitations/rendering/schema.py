"""The JSON Schema of a layout: what a card consists of, in pixels of the card."""

from typing import Any, Final

MAX_SIDE: Final = 4000
MAX_PIXELS: Final = 12_000_000
MAX_LAYERS: Final = 60
MAX_TEXT: Final = 2000
VERSION: Final = 1

_COLOR: dict[str, Any] = {
    "type": "string",
    "pattern": "^#([0-9a-fA-F]{6}|[0-9a-fA-F]{8})$",
    "description": "#rrggbb, or #rrggbbaa with an opacity",
}
_NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 100}
_PLACE: dict[str, Any] = {"type": "number", "minimum": -MAX_SIDE, "maximum": MAX_SIDE}
_LENGTH: dict[str, Any] = {"type": "number", "minimum": 1, "maximum": MAX_SIDE}
_RADIUS: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": MAX_SIDE}
_BORDER: dict[str, Any] = {
    "type": "object",
    "properties": {"color": _COLOR, "width": {"type": "number", "minimum": 0, "maximum": 200}},
    "additionalProperties": False,
}
_AREA = {"x": _PLACE, "y": _PLACE, "width": _LENGTH, "height": _LENGTH}


def _layer(kind: str, required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, "name": _NAME, **properties},
        "required": ["type", *required],
        "additionalProperties": False,
    }


LAYERS: Final[dict[str, dict[str, Any]]] = {
    "photo": _layer(
        "photo",
        ["x", "y", "width", "height"],
        **_AREA,
        shape={"enum": ["circle", "square", "rounded"]},
        radius=_RADIUS,
        border=_BORDER,
        crop={"enum": ["head", "face", "whole"]},
        background=_COLOR,
    ),
    "text": _layer(
        "text",
        ["x", "y", "width", "height", "text"],
        **_AREA,
        text={"type": "string", "maxLength": MAX_TEXT},
        font=_NAME,
        weight={"type": "number", "minimum": 100, "maximum": 900},
        size={"type": "number", "minimum": 4, "maximum": 1000},
        min_size={"type": "number", "minimum": 4, "maximum": 1000},
        color=_COLOR,
        align={"enum": ["start", "left", "center", "right"]},
        valign={"enum": ["top", "middle", "bottom"]},
        max_lines={"type": "integer", "minimum": 1, "maximum": 50},
        line_height={"type": "number", "minimum": 0.5, "maximum": 4},
        direction={"enum": ["auto", "ltr", "rtl"]},
    ),
    "qr": _layer(
        "qr",
        ["x", "y", "size", "text"],
        x=_PLACE,
        y=_PLACE,
        size=_LENGTH,
        text={"type": "string", "maxLength": MAX_TEXT},
        color=_COLOR,
        background=_COLOR,
    ),
    "picture": _layer("picture", ["picture", "x", "y", "width", "height"], **_AREA, picture=_NAME),
    "rectangle": _layer(
        "rectangle", ["x", "y", "width", "height"], **_AREA, color=_COLOR, radius=_RADIUS, border=_BORDER
    ),
}

SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Layout of an invitation card",
    "type": "object",
    "properties": {
        "version": {"const": VERSION},
        "width": {"type": "integer", "minimum": 16, "maximum": MAX_SIDE},
        "height": {"type": "integer", "minimum": 16, "maximum": MAX_SIDE},
        "format": {"enum": ["jpeg", "png"]},
        "quality": {"type": "integer", "minimum": 1, "maximum": 100},
        "background": {
            "type": "object",
            "properties": {"color": _COLOR, "picture": _NAME},
            "additionalProperties": False,
        },
        "layers": {"type": "array", "maxItems": MAX_LAYERS, "items": {"oneOf": list(LAYERS.values())}},
    },
    "required": ["version", "width", "height"],
    "additionalProperties": False,
}
