"""Reading what a Mautic answers, in all its ages. Pure.

A contact's values are flat in `fields.all`, or lie in groups (`fields.core.email.value`), where custom fields
are in the group they were made in; what is an object with something in it is `[]` without.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from chatboost.core.http.errors import BadBody
from chatboost.core.http.response import Response
from invitations.providers.base import BadResponse, Person, bounded, text_of

# More objects and lists than any page of contacts has; each costs some forty times its bytes.
MAX_NODES: Final = 200_000
MAX_WORDS: Final = 200
_COLUMNS: Final = ("id", "points", "dateAdded", "dateModified", "dateIdentified", "lastActive")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an answer says about an error, in the server's language; empty where it says nothing."""

    words: str = ""
    type: str = ""
    code: int = 0


def strict(answer: Response) -> dict[str, Any]:
    """Return the object that a good answer holds. Raises: BadResponse."""
    if answer.body.count(b"{") + answer.body.count(b"[") > MAX_NODES:
        raise BadResponse("Mautic’s answer holds far too much.", "too_large")
    try:
        body = answer.json()
    except BadBody as problem:
        raise BadResponse(
            "The answer is not JSON: is this Mautic’s address, and is its API on?", "not_json"
        ) from problem
    if isinstance(body, list):
        # What PHP writes for an array without gaps.
        return {str(place): each for place, each in enumerate(body)}
    if not isinstance(body, dict):
        raise BadResponse("The answer is not one of Mautic’s.", "not_mautic")
    return body


def loose(answer: Response) -> dict[str, Any] | None:
    """Return the object that a bad answer holds, None where it holds none."""
    try:
        return strict(answer)
    except BadResponse:
        return None


def refusal(body: Mapping[str, Any] | None) -> Refusal:
    """Read an error in its three shapes: `errors`, `error` as an object, `error` as OAuth has it."""
    body = body or {}
    listed = body.get("errors")
    first = next(iter(listed), None) if isinstance(listed, list) else None
    error = body.get("error")
    for found in (first, error):
        if isinstance(found, dict):
            words = line(found.get("message"), MAX_WORDS)
            return Refusal(words, line(found.get("type"), 40), integer(found.get("code")) or 0)
    if isinstance(error, str):
        words = line(body.get("error_description"), MAX_WORDS)
        return Refusal(words or line(error, MAX_WORDS), line(error, 40))
    return Refusal()


def entries(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list, or of an object that is keyed by id; an entry without id gets its key.

    Raises: BadResponse when it is neither.
    """
    if isinstance(value, list):
        return [each for each in value if isinstance(each, dict)]
    if isinstance(value, dict):
        return [{"id": key} | each for key, each in value.items() if isinstance(each, dict)]
    raise BadResponse("A list is missing in Mautic’s answer.", "bad_list")


def values_of(contact: Mapping[str, Any]) -> dict[str, object]:
    """Return all values of a contact by alias. Empty when the contact has no content."""
    found: dict[str, object] = {}
    fields = contact.get("fields")
    groups = fields if isinstance(fields, dict) else {}
    for name, group in groups.items():
        for alias, cell in _cells(group):
            if isinstance(cell, dict):
                found.setdefault(alias, cell.get("value"))
            elif name == "all":
                found[alias] = cell
    return found


def person_of(contact: Mapping[str, Any], wanted: tuple[str, ...]) -> Person:
    """Return a contact as a person. Raises: BadResponse for one without id or without content."""
    number, values = id_of(contact), values_of(contact)
    if number is None or not values.keys() - set(_COLUMNS):
        # Mautic 5.0 answered contacts without content: nothing may follow from such a one.
        raise BadResponse("Mautic answers a contact without content.", "empty_contact")
    columns = {name: contact[name] for name in _COLUMNS if name in contact}
    return Person(str(number), bounded({**columns, **values}, first=wanted))


def merged(
    number: int, values: Mapping[str, object], said: Mapping[str, object], wanted: tuple[str, ...]
) -> Person:
    """Return a contact with the answers of a form, which fill what the contact lacks."""
    both = dict(said) | {name: value for name, value in values.items() if text_of(value) or name not in said}
    return Person(str(number), bounded(both, first=wanted))


def values_in(contact: object) -> dict[str, object]:
    """Return the values of a contact that has its fields in groups, or is flat."""
    found = values_of(contact) if isinstance(contact, dict) else {}
    return found or flat_values(contact)


def flat_values(row: object) -> dict[str, object]:
    """Return the values of a flat object, such as a submission's `lead` or its `results`."""
    flat = row if isinstance(row, dict) else {}
    return {str(name): value for name, value in flat.items() if not isinstance(value, dict)}


def id_of(row: Mapping[str, Any]) -> int | None:
    """Return the id of an entity, which is a number or the text of one."""
    number = integer(row.get("id"))
    return number if number is not None and 0 < number < 2**63 else None


def integer(value: object) -> int | None:
    """Return a whole number, however it is written."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) < 19 and value.isascii() and value.strip().isdigit():
        return int(value)
    return None


def moment(value: object) -> datetime | None:
    """Return a time, in UTC where no zone is said."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        read = datetime.fromisoformat(value)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def line(value: object, most: int) -> str:
    """Return a text of the server's as one short line; "" for anything else."""
    if not isinstance(value, str):
        return ""
    shown = "".join(each if each.isprintable() else " " for each in value[: most * 2])
    return " ".join(shown.split())[:most]


def dumped(body: Mapping[str, object]) -> bytes:
    """Write JSON; ASCII, for a text may hold half a surrogate pair."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def _cells(group: object) -> Iterator[tuple[str, object]]:
    if isinstance(group, dict):
        yield from ((str(alias), cell) for alias, cell in group.items())
    elif isinstance(group, list):
        # Some versions list a group's fields.
        for cell in group:
            if isinstance(cell, dict) and isinstance(cell.get("alias"), str):
                yield cell["alias"], cell
