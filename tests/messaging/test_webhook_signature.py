"""Proof of origin: one secret, one body, one spelling of the header."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from chatboost.messaging.webhooks import signature

SECRET = "app-secret"
BODY = '{"text":"héllo 👋"}'.encode()
VECTORS = (
    Path(__file__).resolve().parents[2].parent
    / "shared"
    / "contracts"
    / "whatsapp-cloud"
    / "signature-vectors.json"
)


def signed(body: bytes = BODY, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_verify_the_right_header_passes() -> None:
    assert signature.verify(BODY, signed(), [SECRET])


@pytest.mark.parametrize("secrets", [[SECRET, "next"], ["next", SECRET]])
def test_verify_during_rotation_takes_either_secret(secrets: list[str]) -> None:
    assert signature.verify(BODY, signed(), secrets)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        signed()[:-1],
        signed() + "0",
        signed() + "\n",
        " " + signed(),
        signed().upper(),
        signed().replace("sha256=", "SHA256="),
        "sha256=" + signed()[7:].upper(),
        signed().replace("sha256=", "sha1="),
        signed()[7:],
        f"{signed()}, {signed()}",
        f"{signed()},{signed()}",
        "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest(),
        "sha256=" + "０" * 64,
        "sha256=" + "g" * 64,
        "sha256=" + "0" * 64,
    ],
)
def test_verify_any_other_header_fails(header: str | None) -> None:
    assert not signature.verify(BODY, header, [SECRET])


@pytest.mark.parametrize(
    "body",
    [
        BODY + b" ",
        BODY[:-1],
        b"",
        json.dumps(json.loads(BODY)).encode(),
        json.dumps(json.loads(BODY), separators=(",", ":")).encode(),
    ],
    ids=["longer", "shorter", "empty", "written again", "written again, escaped"],
)
def test_verify_a_changed_body_fails(body: bytes) -> None:
    assert not signature.verify(body, signed(), [SECRET])


def test_verify_another_tenants_secret_fails() -> None:
    assert not signature.verify(BODY, signed(secret="another"), [SECRET])


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
def test_verify_without_a_secret_fails(secrets: list[str]) -> None:
    assert not signature.verify(BODY, signed(secret=""), secrets)


@pytest.mark.skipif(not VECTORS.is_file(), reason="the published vectors aren't beside this checkout")
def test_verify_agrees_with_the_published_vectors() -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]

    results = [signature.verify(v["body"].encode(), v["header"], [v["secret"]]) for v in vectors]

    assert results == [v["valid"] for v in vectors]
