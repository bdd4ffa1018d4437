"""Webhook requests that are not what the secret's holder sent: another header, or another body."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from tests.fakes import whatsapp_webhooks as bodies

SECRET = "installation-secret"
VERIFY_TOKEN = "installation-token"

# From the true body and its digest to what is posted: a body, and the header if there is one.
Forgery = Callable[[bytes, str], tuple[bytes, str | None]]


def _header(make: Callable[[bytes, str], str | None]) -> Forgery:
    """Another header over the same body."""
    return lambda raw, digest: (raw, make(raw, digest))


def _body(make: Callable[[bytes], bytes]) -> Forgery:
    """Another body under the true header."""
    return lambda raw, digest: (make(raw), f"sha256={digest}")


def _mac(raw: bytes, secret: str, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), raw, algorithm).hexdigest()


def _flip(digest: str, place: int) -> str:
    return digest[:place] + format(int(digest[place], 16) ^ 1, "x") + digest[place + 1 :]


def _rewritten(raw: bytes, **options: Any) -> bytes:
    return json.dumps(json.loads(raw), **options).encode()


FORGERIES: dict[str, Forgery] = {
    "no header": _header(lambda raw, digest: None),
    "empty header": _header(lambda raw, digest: ""),
    "prefix alone": _header(lambda raw, digest: "sha256="),
    "digest alone": _header(lambda raw, digest: digest),
    "sha1 of the right secret": _header(lambda raw, digest: "sha1=" + _mac(raw, SECRET, "sha1")),
    "sha1 digest called sha256": _header(lambda raw, digest: "sha256=" + _mac(raw, SECRET, "sha1")),
    "right digest called sha1": _header(lambda raw, digest: f"sha1={digest}"),
    "sha512": _header(lambda raw, digest: "sha512=" + _mac(raw, SECRET, "sha512")),
    "sha512 called sha256": _header(lambda raw, digest: "sha256=" + _mac(raw, SECRET, "sha512")),
    "md5": _header(lambda raw, digest: "md5=" + _mac(raw, SECRET, "md5")),
    "upper-case prefix": _header(lambda raw, digest: f"SHA256={digest}"),
    "title-case prefix": _header(lambda raw, digest: f"Sha256={digest}"),
    "upper-case digest": _header(lambda raw, digest: f"sha256={digest.upper()}"),
    "upper-case everything": _header(lambda raw, digest: f"sha256={digest}".upper()),
    "one digit truncated": _header(lambda raw, digest: f"sha256={digest[:-1]}"),
    "first digit missing": _header(lambda raw, digest: f"sha256={digest[1:]}"),
    "half a digest": _header(lambda raw, digest: f"sha256={digest[:32]}"),
    "one digit more": _header(lambda raw, digest: f"sha256={digest}0"),
    "a byte more": _header(lambda raw, digest: f"sha256={digest}00"),
    "digest twice": _header(lambda raw, digest: f"sha256={digest}{digest}"),
    "zeros": _header(lambda raw, digest: "sha256=" + "0" * 64),
    "all bits set": _header(lambda raw, digest: "sha256=" + "f" * 64),
    "not hexadecimal": _header(lambda raw, digest: "sha256=" + "g" * 64),
    "reversed digest": _header(lambda raw, digest: f"sha256={digest[::-1]}"),
    "base64": _header(lambda raw, digest: "sha256=" + base64.b64encode(bytes.fromhex(digest)).decode()),
    "quoted": _header(lambda raw, digest: f'sha256="{digest}"'),
    "colon": _header(lambda raw, digest: f"sha256:{digest}"),
    "spaces around the sign": _header(lambda raw, digest: f"sha256 = {digest}"),
    "space within": _header(lambda raw, digest: f"sha256= {digest}"),
    "line break at the end": _header(lambda raw, digest: f"sha256={digest}\n"),
    "NUL at the end": _header(lambda raw, digest: f"sha256={digest}\x00"),
    "letter beyond ASCII": _header(lambda raw, digest: f"sha256={digest[:-1]}é"),
    "header twice": _header(lambda raw, digest: f"sha256={digest},sha256={digest}"),
    "header twice with a space": _header(lambda raw, digest: f"sha256={digest}, sha256={digest}"),
    "true then forged": _header(lambda raw, digest: f"sha256={digest},sha256={'0' * 64}"),
    "forged then true": _header(lambda raw, digest: f"sha256={'0' * 64},sha256={digest}"),
    "with a parameter": _header(lambda raw, digest: f"sha256={digest};v=1"),
    "empty secret": _header(lambda raw, digest: bodies.sign(raw, "")),
    "the word None as secret": _header(lambda raw, digest: bodies.sign(raw, "None")),
    "other tenant's secret": _header(lambda raw, digest: bodies.sign(raw, "foreign-secret")),
    "verify token as secret": _header(lambda raw, digest: bodies.sign(raw, VERIFY_TOKEN)),
    "secret with a line break": _header(lambda raw, digest: bodies.sign(raw, SECRET + "\n")),
    "secret with a space": _header(lambda raw, digest: bodies.sign(raw, " " + SECRET)),
    "secret in capitals": _header(lambda raw, digest: bodies.sign(raw, SECRET.upper())),
    "secret truncated": _header(lambda raw, digest: bodies.sign(raw, SECRET[:-1])),
    "unkeyed digest": _header(lambda raw, digest: "sha256=" + hashlib.sha256(raw).hexdigest()),
    "secret before the body": _header(
        lambda raw, digest: "sha256=" + hashlib.sha256(SECRET.encode() + raw).hexdigest()
    ),
    "secret after the body": _header(
        lambda raw, digest: "sha256=" + hashlib.sha256(raw + SECRET.encode()).hexdigest()
    ),
    "key and body swapped": _header(
        lambda raw, digest: "sha256=" + hmac.new(raw, SECRET.encode(), "sha256").hexdigest()
    ),
    "digest of nothing": _header(lambda raw, digest: bodies.sign(b"", SECRET)),
    "digest of the digest": _header(lambda raw, digest: bodies.sign(digest.encode(), SECRET)),
    "first digit changed": _header(lambda raw, digest: f"sha256={_flip(digest, 0)}"),
    "middle digit changed": _header(lambda raw, digest: f"sha256={_flip(digest, 31)}"),
    "last digit changed": _header(lambda raw, digest: f"sha256={_flip(digest, 63)}"),
    "a space after the body": _body(lambda raw: raw + b" "),
    "a line break after the body": _body(lambda raw: raw + b"\n"),
    "a space before the body": _body(lambda raw: b" " + raw),
    "a byte order mark": _body(lambda raw: b"\xef\xbb\xbf" + raw),
    "last byte missing": _body(lambda raw: raw[:-1]),
    "body twice": _body(lambda raw: raw + raw),
    "empty body": _body(lambda raw: b""),
    "empty object": _body(lambda raw: b"{}"),
    "same length, other words": _body(lambda raw: raw.replace(b"Hello", b"Howdy")),
    "written again with spaces": _body(_rewritten),
    "written again with emoji unescaped": _body(
        lambda raw: _rewritten(raw, ensure_ascii=False, separators=(",", ":"))
    ),
    "written again with sorted keys": _body(
        lambda raw: _rewritten(raw, sort_keys=True, separators=(",", ":"))
    ),
    "slashes escaped": _body(lambda raw: raw.replace(b"whatsapp", b"what\\u0073app")),
}
