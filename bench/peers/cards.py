"""The card row's renderers: the same card of 1600 by 2000 pixels with a name, a number and a photo.

`python -m bench.peers.cards NAME FORMAT SECONDS FOLDER` prints how many cards a second one of them makes with
a core, in one thread. Each has a process of its own. What can be kept from card to card is kept, but by those
who reopen it all.
"""

import io
import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["VIPS_CONCURRENCY"] = "1"

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench import timing

WIDTH, HEIGHT, QUALITY = 1600, 2000, 90
PHOTO = (530, 460, 540, 540)
NAME, NUMBER = (150, 1036, 1300, 264), (230, 1650, 720, 160)
INK = (31, 42, 68)
SIZE = 110
NAMES = (
    *(
        "Amelia Clarke",
        "Şükrü İğdır",
        "Nguyễn Thị Ánh Tuyết",
        "Łukasz Wójcik",
        "Zoë Brontë",
        "Ana María Núñez",
    ),
    *("Jørgen Ærø", "Priya Ramanathan", "Chukwuemeka Okafor", "Siobhán Ní Bhriain"),
)
Render = Callable[[str, str], bytes]


class Folder:
    """What everybody draws from."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.format = path, name
        known = json.loads((path / "known.json").read_text())
        self.face: list[int] = known["face"]
        self.crop: list[int] = known["crop"]
        self.font: str = known["font"]
        self.template = path / "template.png"
        self.photo = (path / "photo.jpg").read_bytes()
        self.raw = (path / "raw.jpg").read_bytes()


def floor(folder: Folder) -> Render:
    """Decode the photo and encode a card, and nothing else."""
    import simplejpeg

    pixels = np.asarray(Image.open(folder.template).convert("RGB"))

    def render(name: str, number: str) -> bytes:
        simplejpeg.decode_jpeg(folder.photo)
        if folder.format == "jpeg":
            return simplejpeg.encode_jpeg(pixels, QUALITY, "RGB", "420")
        return _stored(Image.fromarray(pixels), folder.format, compress_level=1)

    return render


def pillow(folder: Folder) -> Render:
    """Pillow, with template, mask and font kept."""
    template = Image.open(folder.template).convert("RGB")
    font = _font(folder)
    mask = _circle()

    def render(name: str, number: str) -> bytes:
        photo = Image.open(io.BytesIO(folder.photo)).convert("RGB")
        return _drawn(folder, template.copy(), photo, folder.crop, mask, font, name, number)

    return render


def reopened(folder: Folder) -> Render:
    """What is written first: all is opened for each card, and faces are looked for in all of the photo."""
    import cv2
    from cv2.data import haarcascades

    cv2.setNumThreads(1)

    def render(name: str, number: str) -> bytes:
        grey = cv2.imdecode(np.frombuffer(folder.raw, np.uint8), cv2.IMREAD_GRAYSCALE)
        cascade = cv2.CascadeClassifier(f"{haarcascades}haarcascade_frontalface_default.xml")
        hits = cascade.detectMultiScale(grey, 1.1, 5)
        x, y, width, height = max(hits, key=lambda hit: hit[2]) if len(hits) else (0, 0, *grey.shape[::-1])
        crop = [int(x - width * 0.65), int(y - height * 0.6), int(width * 2.3), int(height * 2.3)]
        photo = Image.open(io.BytesIO(folder.raw)).convert("RGB")
        template = Image.open(folder.template).convert("RGB")
        return _drawn(folder, template, photo, crop, _circle(), _font(folder), name, number)

    return render


def vips(folder: Folder) -> Render:
    """libvips, with the template kept in memory."""
    import pyvips

    pyvips.cache_set_max(0)
    template = pyvips.Image.new_from_file(str(folder.template)).copy_memory()
    mask = pyvips.Image.new_from_buffer(_stored(_circle(), "png"), "").copy_memory()

    def text(content: str) -> Any:
        made = pyvips.Image.text(content, font=f"Playfair Display {SIZE}", fontfile=folder.font, dpi=72)
        return made.new_from_image(INK).copy(interpretation="srgb").bandjoin(made)

    def render(name: str, number: str) -> bytes:
        left, top, width, height = folder.crop
        photo = pyvips.Image.new_from_buffer(folder.photo, "").crop(left, top, width, height)
        photo = photo.thumbnail_image(PHOTO[2], height=PHOTO[3], size="force").bandjoin(mask)
        words, figures = text(name), text(number)
        at = (NAME[0] + (NAME[2] - words.width) // 2, NAME[1] + (NAME[3] - words.height) // 2)
        card = template.composite(
            [photo, words, figures],
            "over",
            x=[PHOTO[0], at[0], NUMBER[0]],
            y=[PHOTO[1], at[1], NUMBER[1] + (NUMBER[3] - figures.height) // 2],
        ).flatten()
        if folder.format == "jpeg":
            return card.jpegsave_buffer(Q=QUALITY, keep="none")
        return card.pngsave_buffer(keep="none")

    return render


def ours(folder: Folder) -> Render:
    """Our renderer, without a child process."""
    from chatboost.core.pictures import Limits
    from invitations.rendering import CardRequest, cards

    shelf = cards.Shelf()
    fields = request_of(folder)

    def render(name: str, number: str) -> bytes:
        values = {"contact": {"name": name}, "lucky_number": number}
        return cards.render(CardRequest(values=values, **fields), shelf, Limits()).content

    return render


def request_of(folder: Folder) -> dict[str, Any]:
    """Return what all cards of ours have in common."""
    from invitations.rendering import Box

    text = {"type": "text", "font": "Playfair Display", "weight": 400, "size": SIZE, "color": "#1f2a44"}
    layers = [
        {"type": "photo", "name": "photo", **_place(PHOTO)},
        {**text, "name": "name", **_place(NAME), "text": "{{contact.name}}", "align": "center"},
        {**text, "name": "number", **_place(NUMBER), "text": "{{lucky_number}}", "align": "left"},
    ]
    document = {
        "version": 1,
        "width": WIDTH,
        "height": HEIGHT,
        "format": folder.format,
        "quality": QUALITY,
        "background": {"picture": "template"},
        "layers": layers,
    }
    assets = {"template": folder.template.read_bytes()}
    return {
        "key": folder.format,
        "document": document,
        "assets": assets,
        "photo": folder.photo,
        "crop": Box(*folder.crop),
    }


def values() -> "itertools.cycle[tuple[str, str]]":
    """Return names and numbers, on and on."""
    return itertools.cycle([(name, f"{number:04}") for number, name in enumerate(NAMES, start=427)])


def _place(box: tuple[int, int, int, int]) -> dict[str, int]:
    return dict(zip(("x", "y", "width", "height"), box, strict=True))


def _font(folder: Folder) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(folder.font, SIZE, layout_engine=ImageFont.Layout.BASIC)


def _circle() -> Image.Image:
    """Draw a soft mask, four times as large and then made smaller."""
    mask = Image.new("L", (4 * PHOTO[2], 4 * PHOTO[3]))
    ImageDraw.Draw(mask).ellipse((0, 0, mask.width - 1, mask.height - 1), fill=255)
    return mask.resize(PHOTO[2:], Image.Resampling.LANCZOS)


def _drawn(
    folder: Folder,
    card: Image.Image,
    photo: Image.Image,
    crop: list[int],
    mask: Image.Image,
    font: ImageFont.FreeTypeFont,
    name: str,
    number: str,
) -> bytes:
    left, top, width, height = crop
    box = (max(0, left), max(0, top), min(photo.width, left + width), min(photo.height, top + height))
    card.paste(photo.resize(PHOTO[2:], Image.Resampling.LANCZOS, box), PHOTO[:2], mask)
    draw = ImageDraw.Draw(card)
    draw.text((NAME[0] + NAME[2] // 2, NAME[1] + NAME[3] // 2), name, INK, font, anchor="mm")
    draw.text((NUMBER[0], NUMBER[1] + NUMBER[3] // 2), number, INK, font, anchor="lm")
    return _stored(card, folder.format)


def _stored(image: Image.Image, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name.upper(), **({"quality": QUALITY} if name == "jpeg" else {}), **options)
    return buffer.getvalue()


def main(name: str, format: str, seconds: float, path: Path) -> None:
    """Measure one of them, after a card that doesn't count."""
    render: Render = globals()[name](Folder(path, format))
    people = values()
    size = Image.open(io.BytesIO(render(*next(people)))).size
    if size != (WIDTH, HEIGHT):
        raise RuntimeError(f"a card of {size}")
    print(timing.core_rate(lambda: render(*next(people)), seconds)["rate"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
