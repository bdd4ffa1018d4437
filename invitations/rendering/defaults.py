"""The layout that a new organization gets. It needs no asset."""

from typing import Any

_INK, _GOLD, _PAPER, _SOFT = "#1f2a44", "#b08d4f", "#fbf7ef", "#5c6478"
_PANEL = "#ffffff"


def default_document() -> dict[str, Any]:
    """Return a card of 1600 by 2000 pixels: photo, name, lucky number and QR code within a frame."""
    return {
        "version": 1,
        "width": 1600,
        "height": 2000,
        "format": "jpeg",
        "quality": 90,
        "background": {"color": _PAPER},
        "layers": [
            _frame("frame", 48, 6, 28),
            _frame("inner frame", 68, 2, 16),
            _text(
                "heading",
                150,
                150,
                1300,
                96,
                "Together, we celebrate",
                font="Dancing Script",
                size=76,
                color=_GOLD,
            ),
            _text(
                "title", 150, 250, 1300, 150, "You are invited", font="Playfair Display", weight=700, size=124
            ),
            {
                "type": "photo",
                "name": "photo",
                "x": 530,
                "y": 460,
                "width": 540,
                "height": 540,
                "shape": "circle",
                "border": {"color": _GOLD, "width": 10},
                "background": "#efe6d3",
                "crop": "head",
            },
            _text(
                "name",
                150,
                1036,
                1300,
                264,
                "{{contact.name}}",
                font="Playfair Display",
                weight=600,
                size=116,
                min_size=48,
                max_lines=3,
                line_height=1.18,
            ),
            {
                "type": "rectangle",
                "name": "rule",
                "x": 700,
                "y": 1335,
                "width": 200,
                "height": 4,
                "color": _GOLD,
            },
            _text(
                "message",
                250,
                1365,
                1100,
                130,
                "We would be delighted to have you with us.",
                size=46,
                min_size=30,
                max_lines=2,
                color=_SOFT,
            ),
            {
                "type": "rectangle",
                "name": "panel",
                "x": 170,
                "y": 1540,
                "width": 1260,
                "height": 310,
                "color": _PANEL,
                "radius": 28,
                "border": {"color": "#e4d8bd", "width": 3},
            },
            _text(
                "lucky label", 230, 1590, 720, 60, "Your lucky number", align="start", size=42, color=_SOFT
            ),
            _text(
                "lucky number",
                230,
                1650,
                720,
                160,
                "{{lucky_number}}",
                font="Playfair Display",
                weight=700,
                align="start",
                size=128,
                min_size=48,
                color=_GOLD,
            ),
            {
                "type": "qr",
                "name": "code",
                "x": 1120,
                "y": 1565,
                "size": 260,
                "text": "{{card_url}}",
                "color": _INK,
                "background": "#ffffff00",
            },
        ],
    }


def _frame(name: str, inset: int, width: int, radius: int) -> dict[str, Any]:
    return {
        "type": "rectangle",
        "name": name,
        "x": inset,
        "y": inset,
        "width": 1600 - 2 * inset,
        "height": 2000 - 2 * inset,
        "color": "#ffffff00",
        "radius": radius,
        "border": {"color": _GOLD, "width": width},
    }


def _text(name: str, x: int, y: int, width: int, height: int, text: str, **more: Any) -> dict[str, Any]:
    place = {"type": "text", "name": name, "x": x, "y": y, "width": width, "height": height, "text": text}
    return {**place, "color": _INK, "align": "center", **more}
