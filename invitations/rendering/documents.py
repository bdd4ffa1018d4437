"""Read a layout: JSON in, typed layers out, or every mistake at once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from chatboost.core import interpolation
from invitations.rendering import schema
from invitations.rendering.contract import Box, LayoutError

Problem = tuple[str, str]
Color = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Border:
    """A line along the inside of a shape's edge."""

    color: Color = (255, 255, 255, 255)
    width: float = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """What every layer has: a name, and a place."""

    name: str
    box: Box


@dataclass(frozen=True, slots=True)
class PhotoLayer(Layer):
    """A contact's photo, or the avatar in its stead. `background` lies under a photo that is transparent."""

    shape: str = "circle"
    radius: float = 40
    border: Border = Border()
    crop: str = "head"
    background: Color = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class TextLayer(Layer):
    """A text with placeholders. `font` is a family of ours or the name of an asset."""

    text: str = ""
    font: str = "Noto Sans"
    weight: float = 400
    size: float = 64
    min_size: float = 24
    color: Color = (0, 0, 0, 255)
    align: str = "center"
    valign: str = "middle"
    max_lines: int = 1
    line_height: float = 1.2
    direction: str = "auto"


@dataclass(frozen=True, slots=True)
class QrLayer(Layer):
    """A QR code of a text with placeholders."""

    text: str = ""
    color: Color = (0, 0, 0, 255)
    background: Color = (255, 255, 255, 255)


@dataclass(frozen=True, slots=True)
class PictureLayer(Layer):
    """A picture of the layout's, fitted into its box without being distorted."""

    picture: str = ""


@dataclass(frozen=True, slots=True)
class RectangleLayer(Layer):
    """A plain shape: a panel, a frame, a line."""

    color: Color = (0, 0, 0, 0)
    radius: float = 0
    border: Border = Border()


@dataclass(frozen=True, slots=True)
class Layout:
    """A card's design; layers lie above each other in their order."""

    width: int
    height: int
    format: str = "jpeg"
    quality: int = 90
    color: Color = (255, 255, 255, 255)
    picture: str = ""
    layers: tuple[Layer, ...] = field(default=())

    @property
    def pictures(self) -> frozenset[str]:
        """Return the names of the pictures that it needs."""
        names = {layer.picture for layer in self.layers if isinstance(layer, PictureLayer)}
        return frozenset(names | {self.picture} - {""})

    @property
    def fonts(self) -> frozenset[str]:
        """Return the families, and names of uploaded fonts, that it sets text in."""
        return frozenset(layer.font for layer in self.layers if isinstance(layer, TextLayer))


def parse(document: object) -> Layout:
    """Read a document of `schema.SCHEMA`.

    Raises:
        LayoutError: it breaks a rule; all that are broken are in its `problems`.
    """
    problems = list(_problems(document))
    if problems or not isinstance(document, dict):
        raise LayoutError(sorted(problems))
    background = document.get("background", {})
    return Layout(
        # A whole number may be written as 1600.0.
        width=int(document["width"]),
        height=int(document["height"]),
        format=document.get("format", "jpeg"),
        quality=int(document.get("quality", 90)),
        color=color(background.get("color", "#ffffff")),
        picture=background.get("picture", ""),
        layers=tuple(_layer(number, item) for number, item in enumerate(document.get("layers", ()), start=1)),
    )


def color(text: str) -> Color:
    """Read #rrggbb or #rrggbbaa."""
    red, green, blue, *opacity = bytes.fromhex(text[1:])
    return red, green, blue, opacity[0] if opacity else 255


def _problems(document: object) -> Iterator[Problem]:
    """Find all mistakes. A layer is held against the rules of its own type, whose words then fit."""
    if not isinstance(document, dict):
        yield "", "A layout is a JSON object."
        return
    layers = document.get("layers", [])
    layers = layers if isinstance(layers, list) else []
    shell = {**document, "layers": []} if layers else document
    yield from _errors("", "", shell)
    if len(layers) > schema.MAX_LAYERS:
        yield "layers", f"A layout has {schema.MAX_LAYERS} layers at most."
        return
    for number, layer in enumerate(layers):
        yield from _layer_problems(f"layers.{number}", layer)
    width, height = document.get("width"), document.get("height")
    if isinstance(width, int) and isinstance(height, int) and width * height > schema.MAX_PIXELS:
        yield "width", f"A card has {schema.MAX_PIXELS:,} pixels at most."
    yield from _name_problems(layers)


def _layer_problems(path: str, layer: object) -> Iterator[Problem]:
    kind = layer.get("type") if isinstance(layer, dict) else None
    if not isinstance(layer, dict) or not isinstance(kind, str) or kind not in schema.LAYERS:
        yield f"{path}.type", f"A layer is one of: {', '.join(schema.LAYERS)}."
        return
    yield from _errors(path, kind, layer)
    yield from (
        (f"{path}.{name}", "This is no number.") for name, value in layer.items() if _is_endless(value)
    )
    if isinstance(text := layer.get("text"), str):
        yield from ((f"{path}.text", problem.message) for problem in interpolation.lint(text))
    size, smallest = layer.get("size"), layer.get("min_size")
    if kind == "text" and _number(smallest, 0) > _number(size, math.inf):
        yield f"{path}.min_size", "The smallest size is above the size."


def _name_problems(layers: list[Any]) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, layer in enumerate(layers):
        name = layer.get("name") if isinstance(layer, dict) else None
        if isinstance(name, str) and name in seen:
            yield f"layers.{number}.name", f"Two layers are named {name}."
        elif isinstance(name, str):
            seen.add(name)


def _errors(path: str, kind: str, value: object) -> Iterator[Problem]:
    for error in _validator(kind).iter_errors(value):
        where = ".".join(filter(None, (path, *map(str, error.absolute_path))))
        yield where, error.message[:300]


@cache
def _validator(kind: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema.LAYERS[kind] if kind else schema.SCHEMA)


def _is_endless(value: object) -> bool:
    """Tell NaN and infinity, which JSON doesn't know and Python's reader lets through."""
    return isinstance(value, float) and not math.isfinite(value)


def _number(value: object, otherwise: float) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


_KINDS: dict[str, type[Layer]] = {
    "photo": PhotoLayer,
    "text": TextLayer,
    "qr": QrLayer,
    "picture": PictureLayer,
    "rectangle": RectangleLayer,
}


def _layer(number: int, item: dict[str, Any]) -> Layer:
    fields = {
        name: value for name, value in item.items() if name not in ("type", "x", "y", "width", "height")
    }
    if item["type"] == "qr":
        width = height = fields.pop("size")
    else:
        width, height = item["width"], item["height"]
    box = Box(*(round(value) for value in (item["x"], item["y"], width, height)))
    for name in {"color", "background"} & fields.keys():
        fields[name] = color(fields[name])
    if "border" in fields:
        border = fields["border"]
        fields["border"] = Border(color(border.get("color", "#ffffff")), border.get("width", 0))
    if "max_lines" in fields:
        fields["max_lines"] = int(fields["max_lines"])
    if item["type"] == "text":
        fields["min_size"] = min(fields.get("min_size", 24), fields.get("size", 64))
    fields["name"] = fields.get("name", f"{item['type']} {number}")
    return _KINDS[item["type"]](box=box, **fields)
