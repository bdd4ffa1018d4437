"""The Google on loopback is as strict as the real one, and can be played with over HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fakes.google import DRIVE_SCOPE, GoogleFake


@pytest.fixture
def google(tmp_path: Path) -> Iterator[GoogleFake]:
    with GoogleFake(ledger_path=tmp_path / "effects.jsonl") as fake:
        yield fake


def ask(
    google: GoogleFake, method: str, path: str, body: Any = None, *, token: str = "", kind: str = ""
) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"Content-Type": kind or "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{google.url}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.loads(refusal.read())


def token_of(google: GoogleFake) -> str:
    return google.accounts.issue("1001", frozenset({DRIVE_SCOPE}))[0]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/drive/v3/files?supportsAllDrive=true", {"name": "x"}),
        ("POST", "/drive/v3/files?supportsAllDrives=yes", {"name": "x"}),
        ("POST", "/drive/v3/files", {"nam": "x"}),
        ("POST", "/drive/v3/files", {"name": 7}),
        ("POST", "/drive/v3/files", {"parents": "root"}),
        ("POST", "/drive/v3/files", {"appProperties": {"run": 7}}),
        ("GET", "/drive/v3/files/generateIds?count=1001", None),
        ("GET", "/drive/v3/files/generateIds?count=0", None),
        ("POST", "/drive/v3/files/1x/permissions", {"kin": "anyone"}),
    ],
)
def test_call_that_the_document_does_not_allow_is_a_problem(
    google: GoogleFake, method: str, path: str, body: Any
) -> None:
    assert ask(google, method, path, body, token=token_of(google))[0] == 400
    assert len(google.problems) == 1


def test_path_that_nobody_knows_is_a_problem(google: GoogleFake) -> None:
    assert ask(google, "POST", "/drive/v2/files", {}, token=token_of(google))[0] == 404
    assert google.problems == ["no such call: POST /drive/v2/files"]


def test_call_without_a_live_token_is_refused(google: GoogleFake) -> None:
    token = token_of(google)
    assert ask(google, "GET", "/drive/v3/files/generateIds", token=token)[0] == 200
    google.accounts.expire()
    for each in (token, "", "words"):
        status, body = ask(google, "GET", "/drive/v3/files/generateIds", token=each)
        assert (status, body["error"]["errors"][0]["reason"]) == (401, "authError")
    calendar = google.accounts.issue("1001", frozenset({"https://www.googleapis.com/auth/calendar.events"}))[
        0
    ]
    assert ask(google, "GET", "/drive/v3/files/generateIds", token=calendar)[0] == 403


def test_ids_are_google_s_own_and_used_once(google: GoogleFake) -> None:
    token = token_of(google)
    _, said = ask(google, "GET", "/drive/v3/files/generateIds?count=1", token=token)
    body = {"id": said["ids"][0], "name": "Cards"}
    assert ask(google, "POST", "/drive/v3/files", body, token=token)[0] == 200
    assert ask(google, "POST", "/drive/v3/files", body, token=token)[0] == 409
    assert ask(google, "POST", "/drive/v3/files", {"id": "mine"}, token=token)[0] == 400
    assert ask(google, "POST", "/drive/v3/files", {"parents": ["nowhere"]}, token=token)[0] == 404


def test_another_process_plays_with_it(google: GoogleFake, tmp_path: Path) -> None:
    _, tokens = ask(google, "POST", "/__fake__/issue", {"subject": "1001"})
    rule = {"fault": "error", "status": 403, "message": "userRateLimitExceeded", "times": 1}
    assert ask(google, "POST", "/__fake__/script", {"rules": [rule]})[0] == 200
    assert ask(google, "POST", "/drive/v3/files", {"name": "x"}, token=tokens["access_token"])[0] == 403
    assert ask(google, "POST", "/drive/v3/files", {"name": "x"}, token=tokens["access_token"])[0] == 200

    _, ledger = ask(google, "GET", "/__fake__/ledger")
    _, attempts = ask(google, "GET", "/__fake__/attempts")
    assert [entry["effect"] for entry in ledger["effects"]] == ["file"]
    assert [entry["fault"] for entry in attempts["attempts"]] == ["error", None]
    assert json.loads((tmp_path / "effects.jsonl").read_text()) == ledger["effects"][0]
    assert ask(google, "POST", "/__fake__/drives", {"id": "0Team", "members": ["1001"]})[0] == 200
    assert ask(google, "POST", "/__fake__/forget", {"subject": "1001"})[0] == 200
    assert ask(google, "POST", "/drive/v3/files", {"name": "x"}, token=tokens["access_token"])[0] == 401
    assert ask(google, "POST", "/__fake__/nothing", {})[0] == 400
    assert ask(google, "GET", "/__fake__/problems") == (200, {"problems": []})


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_client"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_client"),
        (
            {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"},
            "invalid_grant",
        ),
    ],
)
def test_token_endpoint_refuses(google: GoogleFake, form: dict[str, str], word: str) -> None:
    kind = "application/x-www-form-urlencoded"
    status, said = ask(google, "POST", "/token", urlencode(form).encode(), kind=kind)
    assert (status >= 400, said["error"]) == (True, word)
