"""Mautic: contacts of a form, of a segment or all, and the field that gets the link.

Source: Mautic's REST API (developer documentation, 2.x to 5.x): contacts, forms, segments, fields.
"""

import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from chatboost.core.http import urls
from invitations.providers import mautic_answers as answers
from invitations.providers import mautic_paging as paging
from invitations.providers import photos
from invitations.providers.base import (
    Audience,
    AuthFailed,
    BadResponse,
    Checked,
    Field,
    Gone,
    Invalid,
    Page,
    Person,
    RateLimited,
    Token,
    Transient,
    Unclear,
    text_of,
)
from invitations.providers.mautic_client import MauticAccount, MauticClient

CONTACTS: Final = paging.Listing(
    key="contacts",
    id_column="id",
    dates=(
        ("date_added", "dateAdded"),
        ("date_modified", "dateModified"),
        ("date_identified", "dateIdentified"),
    ),
    size=100,
    search="!is:anonymous",
)
# Smaller: what a submission lacks is asked for contact by contact.
SUBMISSIONS: Final = paging.Listing(
    key="submissions", id_column="s.id", dates=(("s.date_submitted", "dateSubmitted"),), size=20
)
# Of a page of submissions; then what has been got so far is handed back.
PATIENCE_SECONDS: Final = 45.0
MAX_LISTED: Final = 500
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
_ALIAS: Final = re.compile(r"[\w-]{1,190}")


class MauticSource:
    """The contacts of one Mautic. `wanted` are the fields that mean something here, `link_field` is one."""

    writes_links: ClassVar[bool] = True

    def __init__(
        self,
        account: MauticAccount,
        *,
        audience: str = "all",
        audience_id: str = "",
        wanted: tuple[str, ...] = (),
        link_field: str = "",
    ) -> None:
        self._client = MauticClient(account)
        self._account = account
        self._audience = audience
        self._audience_id = audience_id
        self._wanted = wanted
        self._link_field = link_field

    @property
    def renewed(self) -> Token | None:
        """Return the token that was got on the way."""
        return self._client.renewed

    def check(self) -> Checked:
        """Sign in, and list what is there. Raises: ProviderError."""
        answers.entries(self._client.get("contacts", [("limit", 1)]).get("contacts"))
        problems: list[str] = []
        fields = [
            Field(answers.line(row.get("alias"), 100), answers.line(row.get("label"), 200))
            for row in self._described("contacts/list/fields", (), "fields", problems)
        ]
        forms = self._described("forms", ("forms",), "forms", problems)
        segments = self._described("segments", ("lists", "segments"), "segments", problems)
        audiences = [
            *(Audience("form", str(row.get("id")), answers.line(row.get("name"), 200)) for row in forms),
            *(
                Audience("segment", answers.line(row.get("alias"), 200), answers.line(row.get("name"), 200))
                for row in segments
            ),
        ]
        known = [field for field in fields if field.alias]
        problems += self._missing(known, audiences)
        host = urls.parse(self._account.base_url).authority
        account = f"{host}, Mautic {self._client.version}" if self._client.version else host
        return Checked(account, known, audiences, problems)

    def page(self, cursor: str, since: datetime | None) -> Page:
        """Return people behind a cursor; see `mautic_paging`. Raises: ProviderError."""
        if self._audience == "form":
            return self._submitters(cursor, since)
        rows = paging.walk(
            lambda params: self._client.get("contacts", params), self._contacts(), cursor, since
        )
        people = [answers.person_of(row, self._wanted) for _, row in rows.rows]
        return Page(people, str(rows.next or ""))

    def person(self, external_id: str) -> Person:
        """Return a contact. Raises: ProviderError."""
        return answers.person_of(self._contact(external_id), self._wanted)

    def read_link(self, external_id: str, field: str) -> str:
        """Return a field's value. Raises: ProviderError, among them Invalid (`no_such_field`)."""
        values = answers.values_of(self._contact(external_id))
        if field not in values:
            raise Invalid(f"Contacts have no field “{field[:60]}” in this Mautic.", "no_such_field")
        return text_of(values[field])

    def write_link(self, external_id: str, field: str, link: str) -> None:
        """Set a field of a contact, and nothing else. Raises: ProviderError, among them Unclear."""
        body: dict[str, object] = {field: link}
        if not link:
            # Mautic leaves a field alone that is sent empty, unless it is told otherwise.
            body["overwriteWithBlank"] = True
        answer = self._client.patch(f"contacts/{_number(external_id)}/edit", body)
        contact = answer.get("contact")
        if not isinstance(contact, dict) or answers.id_of(contact) is None:
            raise Unclear("Mautic says nothing of the contact.", "empty_contact")

    def photo(self, address: str) -> bytes:
        """Fetch a photo. Raises: PhotoProblem."""
        return photos.fetch(address)

    def _contacts(self) -> paging.Listing:
        if self._audience != "segment":
            return CONTACTS
        if not _ALIAS.fullmatch(self._audience_id):
            raise Invalid("A segment is named by its alias.", "invalid_audience")
        search = f"segment:{self._audience_id}"
        return paging.Listing(CONTACTS.key, CONTACTS.id_column, CONTACTS.dates, CONTACTS.size, search)

    def _contact(self, external_id: str) -> Mapping[str, Any]:
        """Return a contact that has content. Raises: ProviderError."""
        number = _number(external_id)
        contact = self._client.get(f"contacts/{number}", is_single=True).get("contact")
        if not isinstance(contact, dict):
            raise BadResponse("Mautic answers without the contact.", "empty_contact")
        person = answers.person_of(contact, self._wanted)
        if person.external_id != number:
            raise Gone("The contact has become one with another.", "merged")
        return contact

    def _submitters(self, cursor: str, since: datetime | None) -> Page:
        """Return who sent the form in, each once a page, with the values of their contact."""
        path = f"forms/{_number(self._audience_id)}/submissions"
        rows = paging.walk(lambda params: self._client.get(path, params), SUBMISSIONS, cursor, since)
        people: dict[str, Person] = {}
        known: dict[int, Mapping[str, object]] = {}
        ends_at = time.monotonic() + PATIENCE_SECONDS
        for place, (_, row) in enumerate(rows.rows):
            try:
                person = self._submitter(row, known)
            except (RateLimited, Transient):
                if not place:
                    raise
                return Page(list(people.values()), str(rows.behind(place - 1)))
            if person is not None:
                people[person.external_id] = person
            if time.monotonic() > ends_at:
                return Page(list(people.values()), str(rows.behind(place)))
        return Page(list(people.values()), str(rows.next or ""))

    def _submitter(self, row: Mapping[str, Any], known: dict[int, Mapping[str, object]]) -> Person | None:
        """Return the contact of a submission with its answers; None when it has none, or not any more."""
        lead = row.get("lead")
        number = answers.id_of(lead) if isinstance(lead, dict) else None
        if number is None:
            return None
        said = answers.flat_values(row.get("results"))
        try:
            values = known[number] if number in known else self._completed(number, lead, said)
        except Gone:
            return None
        known[number] = values
        return answers.merged(number, values, said, self._wanted)

    def _completed(self, number: int, lead: object, said: Mapping[str, object]) -> Mapping[str, object]:
        """Return a contact's values: submissions carry the contact's own fields, not the custom ones."""
        values = answers.values_in(lead)
        if all(name in values or name in said for name in self._wanted):
            return values
        return values | dict(self.person(str(number)).values)

    def _described(
        self, path: str, keys: tuple[str, ...], noun: str, problems: list[str]
    ) -> list[dict[str, Any]]:
        """Return a whole short list; what the user may not see is a problem, not an error."""
        params: paging.Params = [("limit", MAX_LISTED)]
        try:
            body = self._client.get(path, params)
            listed = next((body[key] for key in keys if key in body), None) if keys else body
            return answers.entries(listed)[:MAX_LISTED]
        except AuthFailed as problem:
            if problem.code != "permission_denied":
                raise
            problems.append(f"Mautic’s user may not list {noun}.")
            return []

    def _missing(self, fields: list[Field], audiences: list[Audience]) -> list[str]:
        """Return what is mapped and not there."""
        aliases = {field.alias for field in fields}
        asked = (self._link_field,) if self._audience == "form" else self._wanted
        problems = [
            f"Contacts have no field “{name}”." for name in asked if aliases and name and name not in aliases
        ]
        same_kind = {each.id for each in audiences if each.kind == self._audience}
        if same_kind and self._audience_id not in same_kind:
            problems.append(f"There is no {self._audience} “{self._audience_id}”.")
        return problems


def _number(text: str) -> str:
    """Return an id that may stand in a path. Raises: Gone."""
    if not _NUMBER.fullmatch(text):
        raise Gone("Mautic has nothing under such an id.")
    return text
