"""What goes into the renderer and what comes out of it."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Box(NamedTuple):
    """A rectangle in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FaceOptions:
    """How faces are looked for.

    `scale_factor` is the step between the sizes that are tried, `min_neighbors` how many hits must agree:
    OpenCV's `detectMultiScale` explains both. `side` is the longest side of the grey picture that is
    searched.
    """

    scale_factor: float = 1.1
    min_neighbors: int = 5
    side: int = 480

    def __post_init__(self) -> None:
        """Refuse what has no meaning.

        Raises:
            ValueError: a figure beyond its range.
        """
        if not 1.01 <= self.scale_factor <= 2:
            raise ValueError("scale_factor goes from 1.01 to 2")
        if not 0 <= self.min_neighbors <= 50:
            raise ValueError("min_neighbors goes from 0 to 50")
        if not 64 <= self.side <= 2000:
            raise ValueError("side goes from 64 to 2000")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPhoto:
    """A photo as cards use it: upright, sRGB, without metadata; JPEG, or PNG where it is transparent.

    `faces` are in its pixels, from the largest to the smallest; `chosen` is the one that a card shows.
    `turned` says by how many degrees, clockwise, it was turned because faces were found only so.
    """

    content: bytes
    media_type: str
    width: int
    height: int
    faces: list[Box] = field(default_factory=list)
    chosen: Box | None = None
    turned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPicture:
    """A layout's own picture: upright, sRGB, without metadata; JPEG, or PNG where it is transparent."""

    content: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FontInfo:
    """What a font says about itself."""

    family: str
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRequest:
    """One card. `key` names the version of the layout: the same key stands for the same document and assets.

    `assets` are prepared pictures and fonts by the names that the document uses. `face` and `crop` are in
    the pixels of `photo`, a prepared photo; a crop that was set by hand goes before the face. Without a
    photo an avatar is drawn.
    """

    key: str
    document: dict[str, Any]
    assets: dict[str, bytes] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    photo: bytes | None = None
    face: Box | None = None
    crop: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBox:
    """Where a text came to lie: `box` holds its ink. `is_fitted` is false if it had to be cut short."""

    name: str
    box: Box
    size: float
    lines: list[str]
    is_fitted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card, and what somebody may want to know before it goes out.

    `missing_glyphs` are the characters that no font has, `missing_values` the placeholders without a value.
    """

    content: bytes
    media_type: str
    width: int
    height: int
    missing_glyphs: list[str] = field(default_factory=list)
    texts: list[TextBox] = field(default_factory=list)
    missing_values: list[str] = field(default_factory=list)


class LayoutError(Exception):
    """A document that describes no card: all its `problems`, each a dotted path and a sentence."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(f"{path}: {message}" if path else message for path, message in self.problems)
