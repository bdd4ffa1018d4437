"""What the adapter makes of Mautic's answers: of the documented ones, and of sixty that went wrong."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatboost.core.http.response import Response
from invitations.providers import base
from invitations.providers import mautic_answers as answers
from tests.fakes.faults import Fault, Rule
from tests.fakes.mautic import MauticFake
from tests.invitations.mautics import SAMPLES, source

FILES = sorted(SAMPLES.rglob("*.json")) if SAMPLES.is_dir() else []
needs_samples = pytest.mark.skipif(not FILES, reason="needs the contract beside the checkout")


@pytest.fixture
def mautic() -> Iterator[MauticFake]:
    with MauticFake() as fake:
        fake.people(2)
        fake.rows.forms[25] = "test"
        yield fake


def response(body: bytes, status: int = 200) -> Response:
    return Response(status, {}, body)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


@needs_samples
def test_listed_contact_of_the_documentation_is_read() -> None:
    listed = sample("docs/contacts__list_contacts.json")
    (contact,) = answers.entries(listed["contacts"])
    person = answers.person_of(contact, ("twitter",))

    assert person.external_id == "47"
    assert person.values["firstname"] == "Jim"
    assert person.values["twitter"] == "jimcontact"
    assert next(iter(person.values)) == "twitter"


@needs_samples
def test_single_contact_of_the_documentation_is_read(mautic: MauticFake) -> None:
    body = sample("docs/contacts__get_contact.json")
    mautic.play(Rule(fault=Fault.ANSWER, status=200, body=json.dumps(body)))

    assert source(mautic).person("47").values["firstname"] == "Jim"
    with pytest.raises(base.Gone):
        source(mautic).person("48")


@needs_samples
def test_submissions_of_the_documentation_are_read(mautic: MauticFake) -> None:
    body = json.dumps(sample("docs/forms__list_form_submissions.json"))
    mautic.play(Rule(fault=Fault.ANSWER, match={"kind": "submissions"}, status=200, body=body))
    adapter = source(mautic, audience="form", audience_id="25", wanted=("email",))
    (person,) = adapter.page("", None).people

    assert (person.external_id, person.values["email"]) == ("2183", "test@test.test")


@needs_samples
def test_empty_list_of_the_documentation_is_the_end(mautic: MauticFake) -> None:
    body = json.dumps(sample("contacts_empty.json")["body"])
    mautic.play(Rule(fault=Fault.ANSWER, status=200, body=body))

    assert source(mautic).page("", None) == base.Page([], "")


@needs_samples
@pytest.mark.parametrize("name", ["contacts__list_available_fields.json", "forms__list_forms.json"])
def test_lists_of_the_documentation_are_read(name: str) -> None:
    listed = sample(f"docs/{name}")
    found = answers.entries(listed.get("forms", listed))

    assert all(answers.id_of(each) for each in found)
    assert all(each["alias"] for each in found)


@needs_samples
@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("errors/access_denied_old.json", base.AuthFailed, "permission_denied"),
        ("errors/api_disabled.json", base.AuthFailed, "api_disabled"),
        ("errors/authorization_denied.json", base.AuthFailed, "access_denied"),
        ("auth/oauth_error_old.json", base.Invalid, "invalid"),
    ],
)
def test_errors_of_the_documentation_are_told_apart(
    mautic: MauticFake, name: str, kind: type[base.ProviderError], code: str
) -> None:
    told = sample(name)
    mautic.play(Rule(fault=Fault.ANSWER, status=told["status"], body=json.dumps(told["body"])))
    with pytest.raises(kind) as caught:
        source(mautic).page("", None)

    assert caught.value.code == code
    assert answers.refusal(told["body"]).words in caught.value.message or code == "api_disabled"


@needs_samples
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_any_answer_of_the_documentation_in_place_of_any_other_is_told_apart(
    mautic: MauticFake, path: Path
) -> None:
    told = json.loads(path.read_text(encoding="utf-8"))
    body = json.dumps(told.get("body", told) if isinstance(told, dict) else told)
    mautic.play(Rule(fault=Fault.ANSWER, status=200, body=body))
    for problem in _outcomes(mautic):
        assert problem is None or isinstance(problem, base.ProviderError)


@pytest.mark.parametrize("seed", range(60))
def test_mutated_answer_is_read_or_refused_and_never_anything_else(mautic: MauticFake, seed: int) -> None:
    rng = random.Random(seed)
    contacts = mautic.rows.page_of_contacts({})
    contact = {"contact": mautic.rows.contact(1)}
    mautic.rows.submit(25, 1, {"size": "S"})
    submissions = mautic.rows.page_of_submissions(25, {})
    rules = [
        Rule(
            fault=Fault.ANSWER,
            match={"kind": kind},
            status=rng.choice((200, 200, 200, 201, 403, 404, 500)),
            body=_mutated(rng, body),
            content_type=rng.choice(("application/json", "text/html", "")),
        )
        for kind, body in (
            ("contacts", contacts),
            ("contact", contact),
            ("edit", contact),
            ("submissions", submissions),
            ("fields", mautic.rows.described()),
        )
    ]
    mautic.play(*rules)
    for problem in _outcomes(mautic):
        assert problem is None or isinstance(problem, base.ProviderError)


def test_text_that_no_database_takes_is_cleaned() -> None:
    contact = {
        "id": "7",
        "fields": {
            "core": {
                "firstname": {"value": "A\x00da"},
                "lastname": {"value": "\ud83d"},
                "bio": {"value": "x" * 5000},
                "ok": {"value": True},
                "points": {"value": 1.5},
                "tags": {"value": ["a", None, {"b": 1}, 3]},
                "thing": {"value": {"a": 1}},
                "none": {"value": None},
            }
        },
    }
    values = answers.person_of(contact, ()).values

    assert values["firstname"] == "Ada"
    assert values["lastname"] == "?"
    assert len(values["bio"]) == base.MAX_VALUE
    assert (values["ok"], values["points"], values["tags"]) == ("true", "1.5", "a, 3")
    assert (values["thing"], values["none"]) == ("", "")


def test_fields_that_are_wanted_are_kept_among_too_many() -> None:
    fields = {f"field{place}": {"value": place} for place in range(1000)}
    person = answers.person_of({"id": 1, "fields": {"core": fields}}, ("field999", "missing"))

    assert len(person.values) == base.MAX_FIELDS
    assert person.values["field999"] == "999"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 300_000,
        b'{"contacts":' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        b'{"total":"1","contacts":{' + b'"1":{},' * 250_000 + b'"2":{}}}',
        b'{"a": NaN}',
        b'{"a": 1e400, "contacts": "\xff"}',
        b'{"a": ' + b"9" * 10_000 + b"}",
        b"\xef\xbb\xbf{",
    ],
    ids=["deep", "deep_inside", "wide", "nan", "charset", "digits", "cut"],
)
def test_hostile_json_is_a_bad_response(body: bytes) -> None:
    with pytest.raises(base.BadResponse):
        answers.strict(response(body))


def test_answer_that_does_not_end_is_a_bad_response(mautic: MauticFake) -> None:
    huge = '{"contacts": "' + "x" * (9 * 1024 * 1024) + '"}'
    mautic.play(Rule(fault=Fault.ANSWER, status=200, body=huge))
    with pytest.raises(base.BadResponse) as caught:
        source(mautic).page("", None)

    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"errors": [{"message": "a", "code": "404", "type": "t"}]}, answers.Refusal("a", "t", 404)),
        ({"errors": [], "error": {"message": "b", "code": 403}}, answers.Refusal("b", "", 403)),
        ({"error": "invalid_grant", "error_description": "c"}, answers.Refusal("c", "invalid_grant")),
        ({"error": "invalid_grant"}, answers.Refusal("invalid_grant", "invalid_grant")),
        ({"errors": ["d"], "error": 7}, answers.Refusal()),
        ({"errors": {"a": 1}}, answers.Refusal()),
        ({}, answers.Refusal()),
        (None, answers.Refusal()),
        (
            {"errors": [{"message": "zwei\nZeilen\x1b[31m", "code": None}]},
            answers.Refusal("zwei Zeilen [31m"),
        ),
    ],
)
def test_refusal_is_read_in_its_three_shapes(body: Any, expected: answers.Refusal) -> None:
    assert answers.refusal(body) == expected


def _outcomes(mautic: MauticFake) -> list[BaseException | None]:
    """Make every call, and return what each has ended with."""
    adapter = source(mautic)
    form = source(mautic, audience="form", audience_id="25")
    calls = (
        adapter.check,
        lambda: adapter.page("", None),
        lambda: adapter.person("1"),
        lambda: adapter.read_link("1", "invitation_link"),
        lambda: adapter.write_link("1", "invitation_link", "https://a.example/1"),
        lambda: form.page("", None),
    )
    return [_outcome(call) for call in calls]


def _outcome(call: Any) -> BaseException | None:
    try:
        call()
    except base.ProviderError as problem:
        return problem
    return None


def _mutated(rng: random.Random, body: Any) -> str:
    """Return JSON in which one thing, or several, are not what they should be, or are cut off."""
    changed = copy.deepcopy(body)
    for _ in range(rng.randrange(1, 5)):
        _spoil(rng, changed)
    text = json.dumps(changed)
    if rng.random() < 0.2:
        return text[: rng.randrange(len(text))]
    return text if rng.random() < 0.9 else f"<html>{text}</html>"


def _spoil(rng: random.Random, value: Any) -> None:
    junk = rng.choice((None, 0, -1, "", [], {}, "text", [None], {"0": []}, True, 1e9, [[[]]], "9" * 40))
    while isinstance(value, dict | list) and value:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        if not isinstance(value[key], dict | list) or not value[key] or rng.random() < 0.4:
            if isinstance(value, dict) and rng.random() < 0.3:
                del value[key]
            else:
                value[key] = junk
            return
        value = value[key]
