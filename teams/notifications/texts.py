"""The words of a notification: cut to what the columns hold, without what no page can show."""

import unicodedata

MAX_TITLE, MAX_BODY, MAX_URL = 200, 2000, 500

# Control characters, and halves of surrogate pairs, which no database stores.
_REMOVED = {"Cc", "Cs"}


def title(text: str) -> str:
    """Return one line. Raises: ValueError when nothing is left of it."""
    line = " ".join(_readable(text.replace("\n", " ").replace("\t", " ")).split())
    if not line:
        raise ValueError("a notification needs a title")
    return cut(line, MAX_TITLE)


def body(text: str) -> str:
    """Return text of any number of lines."""
    return cut(_readable(text.replace("\r\n", "\n"), keep="\n\t").strip(), MAX_BODY)


def path(url: str) -> str:
    """Return a path of this installation, or an empty one. Raises: ValueError for any other address."""
    # Browsers read a backslash as a slash, so `/\\host` would lead away, too.
    is_local = url.startswith("/") and url[1:2] not in ("/", "\\")
    if url and (not is_local or _readable(url) != url or len(url) > MAX_URL):
        raise ValueError("a notification links to a path of this installation")
    return url


def cut(text: str, length: int) -> str:
    """Return at most so many characters; an ellipsis tells that there was more."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _readable(text: str, keep: str = "") -> str:
    return "".join(each for each in text if each in keep or unicodedata.category(each) not in _REMOVED)
