"""Mautic's webhooks: who signed one, and which people it is about. Pure.

A call maps event names to lists of payloads. A payload has a `contact` (older: `lead`) with its fields in
groups, or a `submission` with a flat `lead` and the `results` of the form. What holds no contact is left out.
Source: Mautic developer documentation, "Webhooks".
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from invitations.providers import mautic_answers as answers
from invitations.providers.base import BadResponse, Person

SIGNATURE_HEADER: Final = "Webhook-Signature"
FORM_EVENT: Final = "form_on_submit"
MAX_EVENTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Happened:
    """Somebody has sent a form in (`form_id`), or has been made or changed (`form_id` is "")."""

    person: Person
    form_id: str = ""


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Tell whether the body was signed with the secret; without a secret nothing is."""
    if not secret:
        return False
    try:
        given = base64.b64decode(signature.strip().encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return False
    expected = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return hmac.compare_digest(given, expected)


def read(body: bytes, wanted: tuple[str, ...] = ()) -> list[Happened]:
    """Return what a call tells, in order; `wanted` fields come first in a person's values.

    Raises: BadResponse when the body is no JSON object, or holds far too much.
    """
    return list(_events(_parsed(body), wanted))


def _parsed(body: bytes) -> Mapping[str, Any]:
    if body.count(b"{") + body.count(b"[") > answers.MAX_NODES:
        raise BadResponse("The webhook holds far too much.", "too_large")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise BadResponse("The webhook is not JSON.", "not_json") from problem
    if not isinstance(parsed, dict):
        raise BadResponse("The webhook is not one of Mautic’s.", "not_mautic")
    return parsed


def _events(body: Mapping[str, Any], wanted: tuple[str, ...]) -> Iterator[Happened]:
    count = 0
    for name, payloads in body.items():
        for payload in payloads if isinstance(payloads, list) else [payloads]:
            count += 1
            if count > MAX_EVENTS:
                raise BadResponse("The webhook tells of too much at once.", "too_large")
            found = _event(name, payload, wanted) if isinstance(payload, dict) else None
            if found is not None:
                yield found


def _event(name: str, payload: Mapping[str, Any], wanted: tuple[str, ...]) -> Happened | None:
    submission = payload.get("submission")
    if isinstance(submission, dict):
        return _submission(submission, wanted)
    if name.endswith(FORM_EVENT):
        return None
    contact = payload.get("contact", payload.get("lead"))
    person = _person(contact, {}, wanted)
    return Happened(person) if person is not None else None


def _submission(submission: Mapping[str, Any], wanted: tuple[str, ...]) -> Happened | None:
    form = submission.get("form")
    results = answers.flat_values(submission.get("results"))
    number = answers.id_of(form) if isinstance(form, dict) else answers.integer(results.get("form_id"))
    person = _person(submission.get("lead", submission.get("contact")), results, wanted)
    return Happened(person, str(number or "")) if person is not None else None


def _person(contact: object, said: Mapping[str, object], wanted: tuple[str, ...]) -> Person | None:
    """Return a contact with the answers of a form; None without an id."""
    number = answers.id_of(contact) if isinstance(contact, dict) else None
    if number is None:
        return None
    return answers.merged(number, answers.values_in(contact), said, wanted)
