"""What a download may be called, and what it may say it is. Pure."""

import re
import unicodedata

MAX_NAME = 200
DEFAULT_NAME = "file"
DEFAULT_TYPE = "application/octet-stream"

# Source: RFC 9110 §8.3.1 (type and parameters are tokens) and RFC 6838 §4.2 (at most 127 letters each).
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(; ?[\w-]+=[\w.-]+)*", re.ASCII)
_SEPARATORS = str.maketrans({"/": "_", "\\": "_"})
# Controls, surrogates and line separators break headers; the marks that turn the direction of text make
# `gpj.exe` read as `exe.jpg`.
_BROKEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_name(name: str) -> str:
    """Return a name without folders and without what breaks or disguises it; its ending stays when cut."""
    kept = "".join(
        letter
        for letter in name.translate(_SEPARATORS)
        if letter not in _TURNING and unicodedata.category(letter) not in _BROKEN
    ).strip(" .")
    if len(kept) > MAX_NAME:
        stem, dot, ending = kept.rpartition(".")
        tail = f"{dot}{ending}" if stem and len(ending) <= 10 else ""
        kept = kept[: MAX_NAME - len(tail)] + tail
    return kept or DEFAULT_NAME


def clean_type(content_type: str) -> str:
    """Return a media type as it was given, or that of plain bytes when it is none."""
    is_type = len(content_type) <= 120 and _MEDIA_TYPE.fullmatch(content_type)
    return content_type if is_type else DEFAULT_TYPE
