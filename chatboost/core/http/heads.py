"""The head of a request: vet what callers put in it, add what every request has."""

import re
from collections.abc import Mapping

import h11

from chatboost.core.http import errors

# Source: RFC 9110 section 5.6.2 (token) and 5.5 (field values), June 2022.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_FRAMING_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "te", "trailer", "expect"})
_CONNECTION_HEADERS = frozenset({"connection", "keep-alive", "upgrade"})
_OWN_HEADERS = _FRAMING_HEADERS | _CONNECTION_HEADERS  # nobody's business but this package's
_DEFAULT_HEADERS = {"user-agent": "ChatBoost", "accept": "*/*", "accept-encoding": "gzip"}


def vet_method(method: str) -> str:
    """Return the method in capitals.

    Raises: Refused `method_refused`.
    """
    name = method.upper()
    if name not in _METHODS:
        raise errors.Refused("method_refused", "the method is not one we send")
    return name


def vet_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers with lower-case names, safe to put on the wire.

    Raises: Refused `header_refused` for a name or value that could break out of its line, and for the
    headers that frame the message or belong to proxies.
    """
    vetted: dict[str, str] = {}
    for name, value in (headers or {}).items():
        key = name.lower()
        if not _TOKEN.fullmatch(name) or key in _OWN_HEADERS or key.startswith("proxy-"):
            raise errors.Refused("header_refused", f"header {name[:60]!r} may not be set")
        if _UNSAFE_VALUE.search(value) or not _is_encodable(value):
            raise errors.Refused("header_refused", f"header {key[:60]!r} has forbidden characters")
        vetted[key] = value.strip()
    return vetted


def build(
    *, method: str, path: str, authority: str, headers: Mapping[str, str], body: bytes | None
) -> h11.Request:
    """Return the head for a body; `headers` are vetted ones, and text beyond ASCII in them becomes UTF-8."""
    fields = {"host": authority, **_DEFAULT_HEADERS, **headers}
    if body is not None or method in _METHODS_WITH_BODY:
        fields["content-length"] = str(len(body or b""))
    items = [(name.encode(), value.encode()) for name, value in fields.items()]
    return h11.Request(method=method, target=path, headers=items)


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
