"""A layout made ready: what never changes is drawn and encoded once, and what does is drawn for each card.

Where changing layers lie, the card has *patches*: boxes that don't overlap. A card restores what is below
in each, and draws its layers again in their order, those above that don't change among them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chatboost.core import interpolation, pictures
from chatboost.core.pictures import Limits, PictureError
from invitations.rendering import fonts, photos, qr, shapes, stamps, texts
from invitations.rendering.contract import Box, Card, TextBox
from invitations.rendering.documents import (
    Layer,
    Layout,
    PhotoLayer,
    PictureLayer,
    QrLayer,
    RectangleLayer,
    TextLayer,
)
from invitations.rendering.jpegs import Jpeg, fill_padding, padded
from invitations.rendering.photos import Photo
from invitations.rendering.pngs import Png
from invitations.rendering.stamps import Stamp

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(slots=True)
class Drawing:
    """What one card is drawn from, and what is noticed meanwhile."""

    values: dict[str, Any]
    photo: Photo | None = None
    face: Box | None = None
    crop: Box | None = None
    missing_glyphs: dict[str, None] = field(default_factory=dict)
    missing_values: dict[str, None] = field(default_factory=dict)
    texts: list[TextBox] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Patch:
    """A box that changes: what is below, the layers drawn in it, and stamps of those that don't change."""

    box: Box
    ground: "Image"
    steps: tuple[Layer | list[Stamp], ...]


class Template:
    """A layout with its assets."""

    def __init__(self, layout: Layout, assets: Mapping[str, bytes], limits: Limits) -> None:
        self.layout = layout
        self._limits = limits
        self._pictures = {name: _picture(name, assets, limits) for name in layout.pictures}
        self._faces = {name: fonts.open_face(assets[name]) for name in layout.fonts if name in assets}
        self._whole = Box(0, 0, layout.width, layout.height)
        self._drawing = Drawing({})
        self._patches: list[Patch] = []
        self._canvas = self._draw_ground()
        self._pictures = {}
        fill_padding(self._canvas, layout.width, layout.height)
        self._file = self._encoder()

    @property
    def weight(self) -> int:
        """Return how much memory it takes, about."""
        # Pillow holds a pixel in four bytes.
        pixels = [self._canvas.size, *(patch.box[2:] for patch in self._patches)]
        return sum(4 * width * height for width, height in pixels) + self._file.weight

    def render(self, drawing: Drawing) -> Card:
        """Draw a card. What was noticed about layers that don't change is said of each card.

        Raises:
            PictureError: a photo, text or code does not come out.
        """
        for patch in self._patches:
            self._canvas.paste(patch.ground, patch.box[:2])
            for step in patch.steps:
                drawn = step if isinstance(step, list) else self._stamps(step, drawing)
                for stamp in stamps.clip(drawn, self._whole):
                    stamp.draw(self._canvas)
        fill_padding(self._canvas, self.layout.width, self.layout.height)
        return Card(
            content=self._spliced(),
            media_type=self._file.media_type,
            width=self.layout.width,
            height=self.layout.height,
            missing_glyphs=list(self._drawing.missing_glyphs | drawing.missing_glyphs),
            texts=self._in_order(self._drawing.texts + drawing.texts),
            missing_values=list(drawing.missing_values),
        )

    def _encoder(self) -> Jpeg | Png:
        size = (self.layout.width, self.layout.height)
        if self.layout.format == "jpeg":
            return Jpeg(self._canvas, size, self.layout.quality)
        return Png(self._canvas, [patch.box for patch in self._patches])

    def _spliced(self) -> "bytes":
        if isinstance(self._file, Jpeg):
            return self._file.spliced(self._canvas, [patch.box for patch in self._patches])
        return self._file.spliced(self._canvas)

    def _draw_ground(self) -> "Image":
        """Draw what no changing layer lies below, and note what has to be drawn for each card."""
        from PIL import Image

        layout = self.layout
        size = padded(layout.width, layout.height) if layout.format == "jpeg" else self._whole[2:]
        ground = Image.new("RGB", size, layout.color[:3])
        if layout.picture:
            for stamp in stamps.clip([_filling(self._pictures[layout.picture], self._whole)], self._whole):
                stamp.draw(ground)
        changing = [common for layer in layout.layers if (common := self._changing(layer)) is not None]
        steps: dict[Box, list[Layer | list[Stamp]]] = {box: [] for box in stamps.apart(changing)}
        for layer in layout.layers:
            still: Iterable[Stamp] = photos.frame(layer) if isinstance(layer, PhotoLayer) else ()
            if not changes(layer):
                still = self._stamps(layer, self._drawing)
            self._draw_still(ground, stamps.clip(still, self._whole), steps)
            if (common := self._changing(layer)) is not None:
                next(each for box, each in steps.items() if stamps.overlap(box, common)).append(layer)
        self._patches = [Patch(box, _part(ground, box), tuple(each)) for box, each in steps.items()]
        return ground

    def _draw_still(
        self, ground: "Image", drawn: list[Stamp], steps: dict[Box, list[Layer | list[Stamp]]]
    ) -> None:
        """Draw a layer that doesn't change: at once, but for each card where it lies above one that does."""
        above = {box: own for box, each in steps.items() if each and (own := stamps.clip(drawn, box))}
        for box, own in above.items():
            steps[box].append(own)
        kept = {box: _part(ground, box) for box in above}
        for stamp in drawn:
            stamp.draw(ground)
        for box, below in kept.items():
            ground.paste(below, (box.x, box.y))

    def _changing(self, layer: Layer) -> Box | None:
        """Return what of the card a layer may change from card to card."""
        return stamps.overlap(layer.box, self._whole) if changes(layer) else None

    def _in_order(self, reports: list[TextBox]) -> list[TextBox]:
        order = {layer.name: number for number, layer in enumerate(self.layout.layers)}
        return sorted(reports, key=lambda report: order[report.name])

    def _stamps(self, layer: Layer, drawing: Drawing) -> Iterable[Stamp]:
        return _DRAWN[type(layer)](self, layer, drawing)

    def _text(self, layer: TextLayer, drawing: Drawing) -> Iterable[Stamp]:
        chain = fonts.chain(layer.font, layer.weight, self._faces)
        text = texts.compose(_filled(layer.text, drawing), layer, chain)
        drawing.texts.append(text.report)
        drawing.missing_glyphs.update(dict.fromkeys(text.missing))
        return text.stamps

    def _photo(self, layer: PhotoLayer, drawing: Drawing) -> Iterable[Stamp]:
        contact = drawing.values.get("contact")
        name = str(contact.get("name") or "") if isinstance(contact, Mapping) else ""
        return [photos.draw(layer, drawing.photo, name=name, face=drawing.face, crop=drawing.crop)]

    def _qr(self, layer: QrLayer, drawing: Drawing) -> Iterable[Stamp]:
        return qr.draw(layer, _filled(layer.text, drawing).strip())

    def _still_picture(self, layer: PictureLayer, drawing: Drawing) -> Iterable[Stamp]:
        return [_fitting(self._pictures[layer.picture], layer.box)]

    def _rectangle(self, layer: RectangleLayer, drawing: Drawing) -> Iterable[Stamp]:
        x, y, width, height = layer.box
        if layer.color[3]:
            yield stamps.colored(x, y, layer.color, shapes.rounded(width, height, layer.radius))
        if border := round(layer.border.width):
            line = shapes.ring(width, height, layer.radius, border)
            yield stamps.colored(x, y, layer.border.color, line)


_DRAWN: dict[type[Layer], Callable[[Template, Any, Drawing], Iterable[Stamp]]] = {
    TextLayer: Template._text,
    PhotoLayer: Template._photo,
    QrLayer: Template._qr,
    PictureLayer: Template._still_picture,
    RectangleLayer: Template._rectangle,
}


def changes(layer: Layer) -> bool:
    """Tell whether a layer looks different on each card."""
    if isinstance(layer, TextLayer | QrLayer):
        return bool(interpolation.compile(layer.text).paths)
    return isinstance(layer, PhotoLayer)


def _filled(text: str, drawing: Drawing) -> str:
    try:
        rendered = interpolation.compile(text).render(drawing.values)
    except interpolation.InterpolationError as error:
        raise PictureError("text_too_long", "A text becomes too long with its values.") from error
    drawing.missing_values.update(dict.fromkeys(rendered.missing))
    return rendered.text


def _part(image: "Image", box: Box) -> "Image":
    return image.crop((box.x, box.y, box.x + box.width, box.y + box.height))


def _picture(name: str, assets: Mapping[str, bytes], limits: Limits) -> "Image":
    if name not in assets:
        raise PictureError("unknown_picture", f"The layout has no picture named {name}.")
    image = pictures.decode(assets[name], limits).image
    return image.convert("RGBA" if image.mode in ("LA", "RGBA") else "RGB")


def _filling(image: "Image", box: Box) -> Stamp:
    """Return a picture that fills a box; what is too much of it is cut off evenly."""
    scale = max(box.width / image.width, box.height / image.height)
    return _scaled(image, box, scale)


def _fitting(image: "Image", box: Box) -> Stamp:
    """Return a picture in the middle of a box, as large as goes into it."""
    scale = min(box.width / image.width, box.height / image.height)
    return _scaled(image, box, scale)


def _scaled(image: "Image", box: Box, scale: float) -> Stamp:
    from PIL import Image

    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if size != image.size:
        mode = image.mode
        # Transparent pixels must not bleed into the others.
        image = image.convert("RGBa") if mode == "RGBA" else image
        image = image.resize(size, Image.Resampling.LANCZOS).convert(mode)
    return stamps.picture(box.x + (box.width - size[0]) // 2, box.y + (box.height - size[1]) // 2, image)
