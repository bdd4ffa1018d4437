"""Parts of an HTTP request, written so that a value stays inside the part it is in."""

import json
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from chatboost.core import interpolation
from flows.engine import placeholders
from flows.engine.frame import Frame, NodeFailedError
from flows.engine.placeholders import join
from flows.engine.problems import Problem, error

MAX_URL: Final = 8192
MAX_HEADERS: Final = 32
MAX_HEADER_VALUE: Final = 8192

_ORIGIN = re.compile(r"https?://[^/?#\\@{}]+(?=[/?#]|$)", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNSAFE_IN_HEADER = re.compile(r"[^\t\x20-\x7e]")
_UNSAFE_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")
_PRINTABLE: Final = "".join(map(chr, range(0x20, 0x7F)))
# Set by the client from the request itself; another value would let one request be read as two.
_OWN_HEADERS: Final = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
    }
)


def check_url(value: Any) -> list[Problem]:
    """List what is wrong with a URL: scheme and host are fixed, path and query may hold placeholders."""
    if not isinstance(value, str) or not _ORIGIN.match(value) or not _has_valid_origin(value):
        text = "Write http:// or https:// and a host without placeholders, user name or password."
        return [error("url", "bad_url", text)]
    if len(value) > MAX_URL:
        return [error("url", "text_too_long", f"{MAX_URL} characters at most.")]
    problems = [error("url", found.code, found.message) for found in interpolation.lint(value)]
    bare = interpolation.compile(value).render({}).text
    if _UNSAFE_IN_URL.search(bare) or _has_dot_segment(value):
        problems.append(error("url", "unsafe_url", "A URL has no spaces, backslashes, . or .. segments."))
    return problems


def check_headers(headers: Any) -> list[Problem]:
    """List what is wrong with headers: names are fixed, values may hold placeholders."""
    if not isinstance(headers, dict) or len(headers) > MAX_HEADERS:
        return [error("headers", "bad_headers", f"Headers are names and values, {MAX_HEADERS} at most.")]
    problems = []
    for name, value in headers.items():
        path = join("headers", str(name))
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            problems.append(error(path, "bad_header_name", "A header's name has no spaces or placeholders."))
        elif name.lower() in _OWN_HEADERS or name.lower().startswith("proxy-"):
            problems.append(error(path, "forbidden_header", "This header is set by the client itself."))
        problems += _check_header_value(value, path)
    if len({str(name).lower() for name in headers}) < len(headers):
        problems.append(error("headers", "duplicate_header", "Two headers have the same name."))
    return problems


def _check_header_value(value: Any, path: str) -> list[Problem]:
    bad = [error(path, "bad_header_value", "A header's value is one line of ASCII text.")]
    if not isinstance(value, str) or len(value) > MAX_HEADER_VALUE:
        return bad
    if _UNSAFE_IN_HEADER.search(interpolation.compile(value).render({}).text):
        return bad
    return [error(path, found.code, found.message) for found in interpolation.lint(value)]


def check_body(body: Any) -> list[Problem]:
    """List what is wrong with a body of JSON or text."""
    if isinstance(body, str) and body.lstrip()[:1] in ("{", "[") and not body.lstrip().startswith("{{"):
        try:
            json.loads(body)
        except (ValueError, RecursionError):
            return [error("body", "bad_json", "Put placeholders into quotes; they keep their type.")]
    return placeholders.check(parse_body(body), "body")


def parse_body(body: Any) -> Any:
    """Return a body, with a text of JSON parsed: what its quotes hold is then a value, not syntax."""
    if not isinstance(body, str) or body.lstrip()[:1] not in ("{", "["):
        return body
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body


def url_writer(url: str) -> Callable[[Frame], str]:
    """Return the function that fills in a checked URL, each value percent-encoded.

    Raises: NodeFailedError `unsafe_url` for a path with `.` or `..` segments, or too long.
    """
    fill = interpolation.compile(url).fill

    def write(frame: Frame) -> str:
        filled = fill(frame.scope, frame.missing, _encode_in_url)
        if len(filled) > MAX_URL or _UNSAFE_IN_URL.search(filled) or _has_dot_segment(filled):
            raise NodeFailedError(
                "unsafe_url", "The URL is too long or leaves its path once its values are in."
            )
        return filled

    return write


def headers_writer(headers: dict[str, str]) -> Callable[[Frame], dict[str, str]]:
    """Return the function that fills in checked headers; characters outside ASCII are percent-encoded.

    Raises: NodeFailedError `unsafe_header` for a value with a line break or another control character.
    """
    fills = [(name, interpolation.compile(value).fill) for name, value in headers.items()]

    def write(frame: Frame) -> dict[str, str]:
        filled = {}
        for name, fill in fills:
            value = fill(frame.scope, frame.missing, _encode_in_header).strip()
            if len(value) > MAX_HEADER_VALUE:
                raise NodeFailedError("unsafe_header", "A header's value is too long once its values are in.")
            filled[name] = value
        return filled

    return write


def _encode_in_url(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _encode_in_header(text: str) -> str:
    if _CONTROL.search(text):
        raise NodeFailedError("unsafe_header", "A value in a header has a line break or a control character.")
    return quote(text, safe=_PRINTABLE, errors="replace")


def _has_valid_origin(url: str) -> bool:
    try:
        parts = urlsplit(_ORIGIN.match(url)[0])  # type: ignore[index]
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _has_dot_segment(url: str) -> bool:
    path = url.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0]
    return any(unquote(segment) in (".", "..") for segment in path.split("/")[1:])
