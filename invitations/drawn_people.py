"""Fifty made-up people and their portraits, drawn here: the same each time, and nobody's likeness.

Most portraits show one face. Some are turned by EXIF as a telephone's, a few show a thing instead of a face,
one shows two people, one is very wide, and some people have given none.
"""

import io
import random
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]

COUNT: Final = 50
WITHOUT_PHOTO: Final = frozenset({17, 34, 49})
WITHOUT_FACE: Final = frozenset({9, 23, 41})
WITH_TWO: Final = 12
WIDE: Final = 20
# EXIF's word for "turn by 90, 180, 270 degrees to see it upright".
TURNED: Final = {5: 6, 15: 3, 25: 8, 35: 6, 45: 8}
_DEGREES: Final = {6: 90, 3: 180, 8: 270}
_ORIENTATION: Final = 0x0112

_NAMES: Final[tuple[tuple[str, str], ...]] = (
    ("Ada", "Okafor"), ("José", "Álvarez"), ("عائشہ", "خان"), ("Zoë", "Müller"),
    ("Liam", "O’Connor"), ("محمد", "اقبال"), ("Sofía", "Núñez"), ("Mei", "Tanaka"),
    ("Noah 🎉", "Berg"), ("فاطمہ", "زہرا"), ("Chloé", "Lefèvre"), ("Ana", "and Tom Silva"),
    ("Kwame", "Mensah"), ("Łukasz", "Wiśniewski"), ("بلال", "احمد"), ("Ingrid", "Sørensen"),
    ("Priya", "Nair"), ("Đorđe", "Petrović"), ("نور", "جہاں"), ("Emre", "Yılmaz"),
    ("Björk", "Þórsdóttir"), ("Omar", "Haddad"), ("Lucky 🍀", "Star ✨"), ("حمزہ", "علی"),
    ("Siân", "Llewellyn"), ("Ravi", "Kumar"), ("Élodie", "D’Aubigné"), ("Tariq", "Mahmood"),
    ("Nguyễn", "Thị Hoa"), ("زینب", "فاروق"), ("Maximiliane-Charlotte", "von Hohenstein-Waldburg"),
    ("Bo", "Li"),
    ("Yusuf", "Demir"), ("سعدیہ", "ملک"), ("Čeněk", "Dvořák"), ("Grace", "Mwangi"),
    ("Antônio", "Conceição"), ("کامران", "شیخ"), ("Iris", "Papadaki"), ("Finn", "Kõiv"),
    ("Rosa 🌹", "Blum"), ("ماہ نور", "رضا"), ("Håkon", "Lie"), ("Amara", "Diallo"),
    ("اُسامہ", "بٹ"), ("Ruža", "Kovač"), ("Mateo", "Ibáñez"), ("Sina", "Azizi"),
    ("Q", "Z"), ("Ümit", "Şahin"),
)  # fmt: skip
_CITIES: Final = (
    "Lahore",
    "Lisbon",
    "Nairobi",
    "Malmö",
    "Kraków",
    "Osaka",
    "Quito",
    "İzmir",
    "Accra",
    "Cork",
)
_COMPANIES: Final = ("Northwind", "Blue Kite", "Harbour & Sons", "Mango Works", "Atelier Nove")

_SKINS: Final = (
    (247, 214, 188),
    (232, 188, 152),
    (214, 164, 124),
    (188, 136, 98),
    (156, 106, 74),
    (134, 92, 66),
)
_HAIRS: Final = ((28, 22, 20), (62, 40, 26), (112, 72, 38), (176, 132, 70), (150, 62, 30), (128, 128, 132))
_BACKS: Final = (
    (198, 216, 232),
    (226, 214, 196),
    (204, 226, 206),
    (222, 204, 222),
    (236, 232, 226),
    (186, 200, 196),
)
_SHIRTS: Final = ((38, 70, 120), (140, 44, 52), (40, 104, 82), (92, 70, 130), (70, 74, 82), (196, 142, 50))
_SIZES: Final = ((900, 1100), (1000, 1000), (1200, 900), (760, 1020))


def person(number: int) -> dict[str, str]:
    """Return the fields of a person (from 1), without photo and link."""
    first, last = _NAMES[number - 1]
    return {
        "firstname": first,
        "lastname": last,
        "email": f"guest{number:02}@people.example",
        "company": _COMPANIES[number % len(_COMPANIES)],
        "city": _CITIES[number % len(_CITIES)],
        "lucky_number": str(1000 + number * 37),
    }


def has_photo(number: int) -> bool:
    """Tell whether the person has given a photo."""
    return number not in WITHOUT_PHOTO


@lru_cache(maxsize=COUNT)
def portrait(number: int) -> bytes:
    """Draw a person's photo (from 1) as a JPEG."""
    rng = random.Random(number)  # noqa: S311 only looks
    width, height = (2400, 800) if number == WIDE else _SIZES[number % len(_SIZES)]
    picture = _background(rng, width, height)
    if number in WITHOUT_FACE:
        _still_life(rng, picture)
    elif number == WITH_TWO:
        _head(rng, picture, width * 0.3, height * 0.45, height * 0.36)
        _head(rng, picture, width * 0.72, height * 0.5, height * 0.27)
    else:
        size = height * rng.uniform(0.42, 0.54)
        _head(rng, picture, width * rng.uniform(0.42, 0.58), height * rng.uniform(0.42, 0.5), size)
    return _as_photo(picture, TURNED.get(number, 1))


def _as_photo(picture: Image.Image, orientation: int) -> bytes:
    """Encode as a camera does: perhaps lying on its side, with a note how to turn it."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    if orientation in _DEGREES:
        picture = picture.rotate(_DEGREES[orientation], expand=True)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=88, exif=exif)
    return stream.getvalue()


def _background(rng: random.Random, width: int, height: int) -> Image.Image:
    colour = rng.choice(_BACKS)
    picture = Image.new("RGB", (width, height), colour)
    shade = Image.linear_gradient("L").resize((width, height)).point(lambda value: value // 4)
    picture.paste(_darker(colour, 0.6), (0, 0), shade)
    return picture


def _still_life(rng: random.Random, picture: Image.Image) -> None:
    """Draw a vase on a table: a photo that shows no face."""
    width, height = picture.size
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, height * 0.75, width, height), fill=(134, 98, 66))
    colour = rng.choice(_SHIRTS)
    pen.rounded_rectangle((width * 0.4, height * 0.45, width * 0.6, height * 0.82), 60, fill=colour)
    pen.rectangle((width * 0.46, height * 0.38, width * 0.54, height * 0.5), fill=colour)
    for _ in range(7):
        x, y = width * rng.uniform(0.3, 0.7), height * rng.uniform(0.1, 0.32)
        pen.line((width * 0.5, height * 0.4, x, y), fill=(64, 110, 62), width=6)
        pen.regular_polygon((x, y, width * 0.04), 6, fill=rng.choice(_BACKS))


def _head(rng: random.Random, picture: Image.Image, x: float, y: float, size: float) -> None:
    """Draw a person with the middle of the face at a place; `size` is the height of the head."""
    skin, hair = rng.choice(_SKINS), rng.choice(_HAIRS)
    is_long, is_bald, has_beard = rng.random() < 0.45, rng.random() < 0.08, rng.random() < 0.25
    layer = Image.new("RGBA", picture.size, (*skin, 0))
    pen = ImageDraw.Draw(layer)
    half, tall = size * 0.37, size * 0.5
    if is_long and not is_bald:
        _ellipse(pen, x, y + size * 0.08, half * 1.38, tall * 1.3, hair)
    _shoulders(pen, x, y, size, rng.choice(_SHIRTS), skin)
    _ellipse(pen, x - half, y + size * 0.03, half * 0.14, tall * 0.2, _darker(skin, 0.88))
    _ellipse(pen, x + half, y + size * 0.03, half * 0.14, tall * 0.2, _darker(skin, 0.88))
    _ellipse(pen, x, y, half, tall, skin)
    if not is_bald:
        pen.chord((x - half * 1.08, y - tall * 1.12, x + half * 1.08, y + tall * 0.5), 188, 352, fill=hair)
    _features(pen, x, y, size, skin, hair)
    if has_beard and not is_long:
        pen.chord((x - half * 0.62, y + tall * 0.3, x + half * 0.62, y + tall * 1.0), 35, 145, fill=hair)
        _ellipse(pen, x, y + size * 0.27, size * 0.1, size * 0.022, _lips(skin))
    picture.paste(layer, (0, 0), layer.filter(ImageFilter.GaussianBlur(size / 240)).getchannel("A"))
    _light(picture, x, y, half, tall)


def _features(
    pen: ImageDraw.ImageDraw,
    x: float,
    y: float,
    size: float,
    skin: Colour,
    hair: Colour,
) -> None:
    """Draw brows, eyes in their hollows, a nose with its bridge, and a mouth."""
    shadow, light = _darker(skin, 0.62), _lighter(skin)
    _ellipse(pen, x, y + size * 0.04, size * 0.035, size * 0.14, light)
    for side in (-1, 1):
        eye = x + side * size * 0.15
        _ellipse(pen, eye, y - size * 0.055, size * 0.1, size * 0.062, shadow)
        _ellipse(pen, eye, y - size * 0.045, size * 0.066, size * 0.03, (238, 236, 232))
        _ellipse(pen, eye, y - size * 0.045, size * 0.032, size * 0.032, (44, 32, 26))
        brow = (eye - size * 0.09, y - size * 0.15, eye + size * 0.09, y - size * 0.05)
        pen.arc(brow, 200, 340, fill=_darker(hair, 0.8), width=max(3, int(size * 0.022)))
        _ellipse(pen, x + side * size * 0.17, y + size * 0.13, size * 0.075, size * 0.06, light)
    _ellipse(pen, x, y + size * 0.145, size * 0.062, size * 0.03, _darker(skin, 0.8))
    _ellipse(pen, x, y + size * 0.27, size * 0.115, size * 0.03, _lips(skin))
    pen.arc(
        (x - size * 0.12, y + size * 0.2, x + size * 0.12, y + size * 0.28), 20, 160, fill=shadow, width=4
    )


def _shoulders(
    pen: ImageDraw.ImageDraw,
    x: float,
    y: float,
    size: float,
    shirt: Colour,
    skin: Colour,
) -> None:
    _ellipse(pen, x, y + size * 1.1, size * 0.82, size * 0.58, shirt)
    pen.rectangle((x - size * 0.82, y + size * 1.1, x + size * 0.82, y + size * 3), fill=shirt)
    pen.rectangle(
        (x - size * 0.15, y + size * 0.3, x + size * 0.15, y + size * 0.62), fill=_darker(skin, 0.78)
    )
    _ellipse(pen, x, y + size * 0.6, size * 0.19, size * 0.09, _darker(skin, 0.82))


def _light(picture: Image.Image, x: float, y: float, half: float, tall: float) -> None:
    """Let the face fall off into shadow at its sides, softly."""
    box = (int(x - half), int(y - tall), int(x + half), int(y + tall))
    size = (box[2] - box[0], box[3] - box[1])
    edge = Image.radial_gradient("L").resize(size).point(lambda value: max(0, value - 120) // 3)
    inside = Image.new("L", size)
    ImageDraw.Draw(inside).ellipse((0, 0, *size), fill=255)
    shade = Image.new("L", size)
    shade.paste(edge, (0, 0), inside)
    picture.paste((40, 24, 18), box[:2], shade)


def _ellipse(pen: ImageDraw.ImageDraw, x: float, y: float, half: float, tall: float, colour: Colour) -> None:
    pen.ellipse((x - half, y - tall, x + half, y + tall), fill=colour)


def _lips(skin: Colour) -> Colour:
    red, green, blue = _darker(skin, 0.72)
    return min(255, red + 24), int(green * 0.78), int(blue * 0.85)


def _lighter(colour: Colour) -> Colour:
    red, green, blue = (part + (255 - part) // 5 for part in colour)
    return red, green, blue


def _darker(colour: Colour, share: float) -> Colour:
    red, green, blue = (min(255, int(part * share)) for part in colour)
    return red, green, blue
