"""Undo the compression of a body, with a cap on what comes out."""

import zlib

_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})


class BadCoding(Exception):
    """The body is not in the coding that its head names, or in one we don't ask for."""


class OverCap(Exception):
    """The body is longer than its reader takes."""


def decode(raw: bytes, coding: str, max_bytes: int) -> bytes:
    """Return the plain body; `coding` is the content-encoding field.

    Raises: BadCoding; OverCap.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity") or not raw:
        return raw
    if coding not in _COMPRESSED:
        raise BadCoding("unknown content coding")
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or zlib, told by its first bytes
    try:
        body = decoder.decompress(raw, max_bytes + 1)
    except zlib.error as error:
        raise BadCoding("malformed compressed body") from error
    if len(body) > max_bytes:
        raise OverCap
    # One member only: thousands of empty ones would cost time without ever reaching the cap.
    if not decoder.eof or decoder.unused_data:
        raise BadCoding("malformed compressed body")
    return body
