"""The Mautic fake keeps what it is told, refuses what is not documented, and can be steered."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import mautic_validation
from tests.fakes.faults import Fault, Rule
from tests.fakes.mautic import PASSWORD, USER, MauticFake

needs_contract = pytest.mark.skipif(
    not mautic_validation.CONTRACT.is_dir(), reason="needs the contract beside the checkout"
)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[MauticFake]:
    with MauticFake(effects_path=tmp_path / "effects.jsonl") as running:
        yield running


def call(fake: MauticFake, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(
        f"{fake.url}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Basic {pair}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as problem:
        return problem.code, json.load(problem)


def test_total_is_a_text_and_nothing_is_a_list(fake: MauticFake) -> None:
    assert call(fake, "GET", "/api/contacts") == (200, {"total": "0", "contacts": []})
    fake.people(1)
    status, body = call(fake, "GET", "/api/contacts")

    assert (status, body["total"], list(body["contacts"])) == (200, "1", ["1"])


def test_edit_leaves_alone_what_is_empty_or_unknown(fake: MauticFake) -> None:
    fake.people(1)
    told = {"firstname": "", "invitation_link": "https://a.example", "nonsense": "x"}
    assert call(fake, "PATCH", "/api/contacts/1/edit", told)[0] == 200
    assert fake.rows.contacts[1].values["firstname"] == "Guest 1"
    assert [effect["fields"] for effect in fake.effects] == [{"invitation_link": "https://a.example"}]
    call(fake, "PATCH", "/api/contacts/1/edit", {"firstname": "", "overwriteWithBlank": True})

    assert fake.rows.contacts[1].values["firstname"] == ""
    assert call(fake, "PATCH", "/api/contacts/9/edit", told)[0] == 404


def test_put_clears_what_is_not_sent(fake: MauticFake) -> None:
    fake.people(1)
    call(fake, "PUT", "/api/contacts/1/edit", {"firstname": "Ada"})

    assert fake.rows.contacts[1].values == {"firstname": "Ada"}


@needs_contract
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/people"),
        ("POST", "/api/contacts/1/edit"),
        ("GET", "/api/contacts?page=2"),
        ("GET", "/api/contacts?where%5B0%5D%5Bcol%5D=id&where%5B0%5D%5Bexpr%5D=like"),
        ("GET", "/api/contacts?limit=all"),
    ],
)
def test_request_that_the_documentation_does_not_know_is_a_violation(
    fake: MauticFake, method: str, path: str
) -> None:
    assert call(fake, method, path, {} if method == "POST" else None)[0] == 400
    assert len(fake.violations) == 1


def test_other_processes_read_and_steer_it(fake: MauticFake, tmp_path: Path) -> None:
    _, made = call(fake, "POST", "/__fake__/contacts", {"email": "ada@people.example"})
    call(fake, "POST", "/__fake__/submissions", {"form": 3, "contact": made["id"]})
    rule = Rule(fault=Fault.ERROR, status=429, retry_after="5", times=1, match={"kind": "edit"})
    call(fake, "POST", "/__fake__/script", {"rules": [rule.to_json()], "seed": 1})
    link = {"invitation_link": "https://a.example"}
    statuses = [call(fake, "PATCH", f"/api/contacts/{made['id']}/edit", link)[0] for _ in range(2)]

    assert statuses == [429, 200]
    assert [effect["fields"] for effect in call(fake, "GET", "/__fake__/effects")[1]] == [link]
    assert len(call(fake, "GET", "/__fake__/attempts")[1]) == 2
    assert call(fake, "GET", "/__fake__/contacts")[1]["1"]["email"] == "ada@people.example"
    assert json.loads((tmp_path / "effects.jsonl").read_text())["fields"] == link
    call(fake, "DELETE", "/__fake__/contacts/1")
    assert call(fake, "GET", "/api/contacts/1")[0] == 404


def test_quirks_can_be_switched_while_it_runs(fake: MauticFake) -> None:
    fake.people(1)
    call(fake, "POST", "/__fake__/quirks", {"empty": True, "ids": True})

    assert call(fake, "GET", "/api/contacts/1")[1] == {"contact": {"id": "1", "fields": []}}
