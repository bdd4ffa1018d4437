"""What a Mautic of the tests holds, and how it writes it: contacts, forms, submissions, segments, fields."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

FIELDS = {
    "firstname": ("First Name", "core"),
    "lastname": ("Last Name", "core"),
    "email": ("Email", "core"),
    "photo": ("Photo", "social"),
    "invitation_link": ("Invitation link", "personal"),
    "lucky_number": ("Lucky number", "professional"),
}
GROUPS = ("core", "social", "personal", "professional")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """How this Mautic differs from the documented one.

    `ids`: numbers as texts · `all`: whether `fields.all` is there · `empty`: contacts without content (5.0)
    · `where`: whether conditions count · `lead`: whether a submission's lead has the custom fields, too ·
    `html`: errors are pages · `basic`: whether basic sign-in is on · `api`: whether the API is on.
    """

    ids: bool = False
    all: bool = True
    empty: bool = False
    where: bool = True
    lead: bool = False
    html: bool = False
    basic: bool = True
    api: bool = True


@dataclass(slots=True)
class Contact:
    """One contact; an anonymous one has no name and no address."""

    id: int
    values: dict[str, Any]
    added: datetime
    modified: datetime | None = None
    identified: datetime | None = None
    is_anonymous: bool = False


@dataclass(slots=True)
class Submission:
    """A form that was sent in."""

    id: int
    form_id: int
    contact_id: int | None
    results: dict[str, Any]
    at: datetime


@dataclass(slots=True)
class Rows:
    """The state, behind one lock. `now` is the server's clock."""

    now: Callable[[], datetime]
    quirks: Quirks = Quirks()
    contacts: dict[int, Contact] = field(default_factory=dict)
    forms: dict[int, str] = field(default_factory=dict)
    submissions: dict[int, Submission] = field(default_factory=dict)
    segments: dict[str, set[int]] = field(default_factory=dict)
    fields: dict[str, tuple[str, str]] = field(default_factory=lambda: dict(FIELDS))
    lock: Any = field(default_factory=threading.RLock)
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _submission_ids: Any = field(default_factory=lambda: itertools.count(1))

    def add(self, values: Mapping[str, Any], *, is_anonymous: bool = False) -> int:
        """Make a contact and return its id."""
        with self.lock:
            number = next(self._ids)
            now = self.now()
            contact = Contact(number, dict(values), now, None, None if is_anonymous else now, is_anonymous)
            self.contacts[number] = contact
            return number

    def delete(self, number: int) -> None:
        """Remove a contact; its submissions stay without it."""
        with self.lock:
            self.contacts.pop(number, None)
            for submission in self.submissions.values():
                if submission.contact_id == number:
                    submission.contact_id = None

    def submit(self, form_id: int, contact_id: int | None, results: Mapping[str, Any]) -> int:
        """Send a form in and return the submission's id."""
        with self.lock:
            number = next(self._submission_ids)
            self.forms.setdefault(form_id, f"Form {form_id}")
            self.submissions[number] = Submission(number, form_id, contact_id, dict(results), self.now())
            return number

    def edit(self, number: int, body: Mapping[str, Any], *, clears: bool = False) -> dict[str, Any] | None:
        """Set fields of a contact; returns those that were set, None for no such contact."""
        with self.lock:
            contact = self.contacts.get(number)
            if contact is None:
                return None
            overwrites = str(body.get("overwriteWithBlank", "")).lower() in ("1", "true")
            told = {
                alias: value
                for alias, value in body.items()
                if alias in self.fields and (value not in ("", None) or overwrites)
            }
            contact.values = told if clears else contact.values | told
            contact.modified = self.now()
            return told

    def contact(self, number: int) -> dict[str, Any] | None:
        """Write one contact."""
        with self.lock:
            found = self.contacts.get(number)
            return None if found is None else self._written(found)

    def page_of_contacts(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Answer a list of contacts: `total` is a text, and nothing is `[]`."""
        with self.lock:
            chosen = [
                each for each in self.contacts.values() if self._is_found(each, query.get("search", ""))
            ]
            columns = {
                "id": lambda each: each.id,
                "date_added": lambda each: each.added,
                "date_modified": lambda each: each.modified,
                "date_identified": lambda each: each.identified,
            }
            total, page = self._page(chosen, columns, query)
            written = {str(each.id): self._written(each) for each in page}
            return {"total": str(total), "contacts": written or []}

    def page_of_submissions(self, form_id: int, query: Mapping[str, str]) -> dict[str, Any] | None:
        """Answer a list of submissions, None for no such form."""
        with self.lock:
            if form_id not in self.forms:
                return None
            chosen = [each for each in self.submissions.values() if each.form_id == form_id]
            columns = {"s.id": lambda each: each.id, "s.date_submitted": lambda each: each.at}
            total, page = self._page(chosen, columns, query)
            return {"total": str(total), "submissions": [self._written_submission(each) for each in page]}

    def described(self) -> dict[str, Any]:
        """Answer the list of fields."""
        return {
            str(place): {"id": place, "label": label, "alias": alias, "type": "text", "group": group}
            for place, (alias, (label, group)) in enumerate(self.fields.items(), 1)
        }

    def _page(
        self, chosen: Sequence[Any], columns: Mapping[str, Callable[[Any], Any]], query: Mapping[str, str]
    ) -> tuple[int, list[Any]]:
        for condition in _conditions(query) if self.quirks.where else []:
            chosen = [each for each in chosen if _holds(columns[condition["col"]](each), condition)]
        order = columns.get(query.get("orderBy", ""), lambda each: each.id)
        floor = datetime(1970, 1, 1, tzinfo=UTC)
        chosen = sorted(chosen, key=lambda each: (order(each) or floor, each.id))
        if query.get("orderByDir", "asc").lower() == "desc":
            chosen.reverse()
        start, limit = int(query.get("start", "0")), int(query.get("limit", "30"))
        return len(chosen), list(chosen[start : start + limit])

    def _is_found(self, contact: Contact, search: str) -> bool:
        command, _, word = search.partition(":")
        if command == "segment":
            return contact.id in self.segments.get(word, set())
        if search == "!is:anonymous":
            return not contact.is_anonymous
        return command != "email" or word in str(contact.values.get("email", ""))

    def _id(self, number: int) -> int | str:
        return str(number) if self.quirks.ids else number

    def _written(self, contact: Contact) -> dict[str, Any]:
        if self.quirks.empty:
            return {"id": self._id(contact.id), "fields": []}
        groups: dict[str, Any] = {group: {} for group in GROUPS}
        for place, (alias, (label, group)) in enumerate(self.fields.items(), 1):
            groups[group][alias] = {
                "id": str(place),
                "label": label,
                "alias": alias,
                "type": "text",
                "group": group,
                "value": contact.values.get(alias),
            }
        fields: dict[str, Any] = {group: cells or [] for group, cells in groups.items()}
        if self.quirks.all:
            flat = {alias: contact.values.get(alias) for alias in self.fields}
            fields["all"] = {"id": str(contact.id), **flat}
        return {
            "id": self._id(contact.id),
            "isPublished": True,
            "dateAdded": _iso(contact.added),
            "dateModified": _iso(contact.modified),
            "dateIdentified": _iso(contact.identified),
            "points": 0,
            "ipAddresses": [],
            "fields": fields,
        }

    def _written_submission(self, submission: Submission) -> dict[str, Any]:
        contact = self.contacts.get(submission.contact_id or 0)
        lead: Any = []
        if contact is not None:
            own = [alias for alias, (_, group) in self.fields.items() if group == "core" or self.quirks.lead]
            values = {alias: contact.values.get(alias) for alias in own}
            lead = {"id": self._id(contact.id), "points": 0, "color": None, **values}
        return {
            "id": self._id(submission.id),
            "ipAddress": {"ip": "127.0.0.1"},
            "form": {"id": submission.form_id, "name": self.forms[submission.form_id], "alias": "form"},
            "lead": lead,
            "dateSubmitted": _iso(submission.at),
            "results": submission.results or [],
        }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _conditions(query: Mapping[str, str]) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, value in query.items():
        if name.startswith("where["):
            place, _, key = name[6:-1].partition("][")
            found.setdefault(place, {})[key] = value
    return list(found.values())


def _holds(value: Any, condition: Mapping[str, str]) -> bool:
    if value is None:
        return False
    text = condition["val"]
    other: Any = int(text) if isinstance(value, int) else datetime.fromisoformat(text).replace(tzinfo=UTC)
    if isinstance(value, datetime):
        value = value.replace(microsecond=0)
    match condition["expr"]:
        case "gt":
            return value > other
        case "gte":
            return value >= other
        case "lt":
            return value < other
        case "lte":
            return value <= other
        case "neq":
            return value != other
    return value == other
