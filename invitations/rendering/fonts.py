"""The fonts there are, and which of them has the glyphs of a text.

All of ours come from packages; none of the machine's is looked at, so a card looks the same everywhere.
HarfBuzz reads them and draws their glyphs. Positions are in units of an em: `EM` of them.
"""

import importlib.util
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from chatboost.core.pictures import PictureError
from invitations.rendering.contract import FontInfo

EM: Final = 4096
MAX_FONT_BYTES: Final = 10 * 1024 * 1024
_NOT_A_FONT = "This is no TrueType or OpenType font."


@dataclass(frozen=True, slots=True)
class Family:
    """A font of ours: its package and its file there. `is_serif` says which Arabic hand goes with it."""

    name: str
    package: str
    file: str
    is_serif: bool = False


FAMILIES: Final = (
    Family("Noto Sans", "manimgx_fonts", "NotoSans[wght].ttf"),
    Family("Playfair Display", "fontpkg_playfair_display", "files/PlayfairDisplay[wght].ttf", is_serif=True),
    Family("Dancing Script", "fontpkg_dancing_script", "files/DancingScript[wght].ttf", is_serif=True),
    Family("Noto Naskh Arabic", "pylopdf_fonts_ar", "NotoNaskhArabic-Variable.ttf", is_serif=True),
    Family("Noto Sans Arabic", "manimgx_fonts", "NotoSansArabic[wght].ttf"),
)
_SCRIPTS: Final = (
    *("Hebrew", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada"),
    *("Malayalam", "Sinhala", "Thai", "Lao", "Myanmar", "Khmer", "Georgian", "Armenian", "Ethiopic"),
)
_EMOJI: Final = Family("Noto Emoji", "manimgx_fonts", "NotoEmoji[wght].ttf")
_FALLBACKS: Final = (
    *(Family(f"Noto Sans {script}", "manimgx_fonts", f"NotoSans{script}[wght].ttf") for script in _SCRIPTS),
    _EMOJI,
    Family("Noto Sans Symbols", "manimgx_fonts", "NotoSansSymbols[wght].ttf"),
    Family("Noto Sans CJK", "manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc"),
)
_BY_NAME: Final = {family.name: family for family in (*FAMILIES, *_FALLBACKS)}


class Font:
    """One face at one weight."""

    def __init__(self, face: Any, weight: float) -> None:
        import uharfbuzz as hb

        self._font = hb.Font(face)
        self._font.scale = (EM, EM)
        self._font.set_variations({"wght": weight})
        extents = self._font.get_font_extents("ltr")
        # Some fonts claim a height that no line could have.
        self.ascent = min(max(extents.ascender, 0), 3 * EM)
        self.descent = min(max(-extents.descender, 0), 3 * EM)
        self.is_coloured = bool(face.has_color_paint or face.has_color_layers or face.has_color_png)
        self._has: dict[str, bool] = {}

    @property
    def harfbuzz(self) -> Any:
        """Return HarfBuzz's font."""
        return self._font

    def has(self, cluster: str) -> bool:
        """Tell whether every visible character of a cluster has a glyph."""
        known = self._has.get(cluster)
        if known is None:
            known = all(self._font.get_nominal_glyph(ord(char)) for char in cluster if not is_invisible(char))
            if len(self._has) < 10_000:
                self._has[cluster] = known
        return known


@dataclass(frozen=True, slots=True)
class Chain:
    """Fonts in the order in which they are asked, and the one that emoji are asked first."""

    fonts: Sequence["LazyFont"]
    emoji: "LazyFont"

    def font_for(self, cluster: str) -> tuple[Font, bool]:
        """Return the first font that has a cluster; False beside the first of all if none has."""
        if is_emoji(cluster):
            # A colour font that somebody uploaded for this goes before ours.
            own = self.fonts[0].font
            if own.is_coloured and own.has(cluster):
                return own, True
            if self.emoji.font.has(cluster):
                return self.emoji.font, True
        for lazy in self.fonts:
            if lazy.font.has(cluster):
                return lazy.font, True
        return self.fonts[0].font, False


@dataclass(frozen=True, slots=True)
class LazyFont:
    """A font that is opened when it is asked for the first time."""

    family: Family
    weight: float

    @property
    def font(self) -> Font:
        """Return the font."""
        return _font(self.family.name, self.weight)


@dataclass(frozen=True, slots=True)
class OwnFont:
    """A font that came with a layout."""

    font: Font


def chain(name: str, weight: float, uploads: "dict[str, Any]") -> Chain:
    """Return the fonts of a text set in a family, or in an uploaded font, whose faces `uploads` holds.

    Raises:
        PictureError: `unknown_font`.
    """
    family = _BY_NAME.get(name)
    if name in uploads:
        first: Any = OwnFont(Font(uploads[name], weight))
    elif family is not None:
        first = LazyFont(family, weight)
    else:
        raise PictureError("unknown_font", f"There is no font named {name}.")
    is_serif = family is not None and family.is_serif
    arabic = (
        ("Noto Naskh Arabic", "Noto Sans Arabic") if is_serif else ("Noto Sans Arabic", "Noto Naskh Arabic")
    )
    others = (_BY_NAME["Noto Sans"], *(_BY_NAME[each] for each in arabic), *_FALLBACKS)
    return Chain(
        [
            first,
            *(LazyFont(each, weight) for each in others if each.name != name and path_of(each) is not None),
        ],
        LazyFont(_EMOJI, weight),
    )


def families() -> list[str]:
    """Return the families that a layout may name."""
    return [family.name for family in FAMILIES if path_of(family) is not None]


@cache
def path_of(family: Family) -> Path | None:
    """Return where a family's file is; None without its package. No code of the package runs."""
    found = importlib.util.find_spec(family.package)
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder) / family.file
        if path.is_file():
            return path
    return None


def open_face(content: bytes) -> Any:
    """Read an uploaded font.

    Raises:
        PictureError: `not_a_font`, `too_large`.
    """
    import uharfbuzz as hb

    if len(content) > MAX_FONT_BYTES:
        raise PictureError("too_large", f"A font has {MAX_FONT_BYTES // 2**20} MB at most.")
    face = hb.Face(hb.Blob(content))
    # HarfBuzz takes anything for a font, and finds nothing in it.
    if not face.glyph_count or "cmap" not in face.table_tags or not face.unicodes:
        raise PictureError("not_a_font", _NOT_A_FONT)
    return face


def check(content: bytes) -> FontInfo:
    """Say what an uploaded font is.

    Raises:
        PictureError: `not_a_font`, `too_large`.
    """
    import uharfbuzz as hb

    face = open_face(content)
    font = Font(face, 400)
    # A font whose letters can't be drawn is none, whatever its tables say.
    draw = hb.RasterDraw()
    draw.scale_factor = (EM / 32, EM / 32)
    for codepoint in list(face.unicodes)[:64]:
        draw.draw_glyph(font.harfbuzz, font.harfbuzz.get_nominal_glyph(codepoint) or 0)
    draw.render()
    names = hb.OTNameIdPredefined
    return FontInfo(
        family=_name(face, names.TYPOGRAPHIC_FAMILY) or _name(face, names.FONT_FAMILY) or "Unnamed",
        style=_name(face, names.TYPOGRAPHIC_SUBFAMILY) or _name(face, names.FONT_SUBFAMILY) or "Regular",
    )


def warm_up() -> None:
    """Open what nearly every card needs."""
    for family in (*FAMILIES, _EMOJI):
        if path_of(family) is not None:
            _font(family.name, 400)


def is_invisible(char: str) -> bool:
    """Tell characters that only say how their neighbours are to be shown, and need no glyph."""
    code = ord(char)
    return (
        code in (0x200C, 0x200D, 0x00AD, 0x2060, 0x034F)
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
        or char in " \u00a0\u202f\u2009"
        or unicodedata.category(char) == "Cf"
    )


def is_emoji(cluster: str) -> bool:
    """Tell clusters that are shown as pictures."""
    if "\ufe0e" in cluster:
        return False
    return (
        "\ufe0f" in cluster or "\u20e3" in cluster or any(0x1F000 <= ord(char) <= 0x1FAFF for char in cluster)
    )


def clusters(text: str) -> Iterator[str]:
    """Split a text into what a reader takes for one character: with its marks, joined emoji, flags whole."""
    start = 0
    for at in range(1, len(text)):
        if not _continues(text, start, at):
            yield text[start:at]
            start = at
    if text:
        yield text[start:]


def _continues(text: str, start: int, at: int) -> bool:
    char, before = text[at], text[at - 1]
    code = ord(char)
    if unicodedata.category(char) in ("Mn", "Me", "Mc") or code in (0x200C, 0x200D, 0x20E3):
        return True
    if 0x1F3FB <= code <= 0x1F3FF or 0xE0020 <= code <= 0xE007F:
        return True
    if before == "\u200d" and is_emoji(char + "\ufe0f"):
        return code >= 0x2190
    if _is_flag_letter(char) and _is_flag_letter(before):
        letters = sum(_is_flag_letter(each) for each in text[start:at])
        return letters % 2 == 1
    return False


def _is_flag_letter(char: str) -> bool:
    return 0x1F1E6 <= ord(char) <= 0x1F1FF


@lru_cache(maxsize=256)
def _font(name: str, weight: float) -> Font:
    return Font(_face(name), weight)


@cache
def _face(name: str) -> Any:
    import uharfbuzz as hb

    path = path_of(_BY_NAME[name])
    if path is None:
        raise PictureError("unknown_font", f"The package with the font {name} is not installed.")
    return hb.Face(hb.Blob.from_file_path(str(path)))


def _name(face: Any, number: Any) -> str:
    text = "".join(char for char in (face.get_name(number) or "") if char.isprintable())
    return " ".join(text.split())[:100]
