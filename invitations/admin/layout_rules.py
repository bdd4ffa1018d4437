"""What the editor of layouts knows: the schema with what is usual, and the fonts and pictures there are."""

from collections.abc import Mapping
from typing import Any, Final

from invitations import rendering
from invitations.choices import AssetKind
from invitations.models import LayoutAsset
from teams.models import Organization

_VERSION: Final = 1
# The least that a layer of any kind needs: what is read of it beside this is usual.
_LEAST: Final[Mapping[str, Any]] = {
    "x": 0,
    "y": 0,
    "width": 1,
    "height": 1,
    "size": 1,
    "text": "x",
    "picture": "x",
}


def rules() -> dict[str, Any]:
    """Return the schemas of a card and of each kind of layer; `default` counts where nothing is said."""
    layers = {kind: _with_defaults(rule, _layer(kind, rule)) for kind, rule in _kinds().items()}
    card = rendering.parse({"version": _VERSION, "width": 16, "height": 16})
    return {"card": _with_defaults(rendering.SCHEMA, card), "layers": layers}


def offered(organization: Organization) -> dict[str, list[tuple[str, str]]]:
    """Return the fonts and pictures that a layout may name, each with its words. One query."""
    found = LayoutAsset.objects.for_organization(organization).order_by("name")
    assets = list(found.values_list("kind", "name", "family"))
    fonts = [(name, f"{name} ({family})") for kind, name, family in assets if kind == AssetKind.FONT]
    return {
        "fonts": [*((family, family) for family in rendering.font_families()), *fonts],
        "pictures": [(name, name) for kind, name, _ in assets if kind == AssetKind.PICTURE],
    }


def _kinds() -> dict[str, Any]:
    """Return the schema of each kind of layer."""
    found = rendering.SCHEMA["properties"]["layers"]["items"]["oneOf"]
    return {rule["properties"]["type"]["const"]: rule for rule in found}


def _layer(kind: str, rule: Mapping[str, Any]) -> Any:
    needed = {name: _LEAST[name] for name in rule["required"] if name in _LEAST}
    document = {"version": _VERSION, "width": 16, "height": 16, "layers": [{"type": kind, **needed}]}
    return rendering.parse(document).layers[0]


def _with_defaults(rule: Mapping[str, Any], parsed: Any) -> dict[str, Any]:
    """Return a schema with what a parsed one has where nothing was said."""
    properties = {}
    for name, of in rule["properties"].items():
        value = None if name in rule.get("required", ()) or name == "name" else getattr(parsed, name, None)
        if of.get("type") == "array":
            continue
        if of.get("type") == "object":
            properties[name] = _with_defaults(of, value if value is not None else parsed)
        else:
            properties[name] = of if value in (None, "") else {**of, "default": _plain(value)}
    return {**rule, "properties": properties}


def _plain(value: Any) -> Any:
    """Return a default as the document writes it."""
    if not isinstance(value, tuple):
        return value
    red, green, blue, opacity = value
    text = f"#{red:02x}{green:02x}{blue:02x}"
    return text if opacity == 255 else f"{text}{opacity:02x}"
