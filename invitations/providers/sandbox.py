"""The sandbox: fifty made-up people behind the protocol of a Mautic, with photos that we draw ourselves.

Nothing leaves the machine. The people are rows, so links that are written back are there to be seen.
"""

import re
from datetime import datetime
from typing import ClassVar, Final

from django.db import transaction
from django.db.models import QuerySet

from chatboost.core import clock
from invitations import drawn_people
from invitations.models import SandboxContact
from invitations.providers import photos, rows
from invitations.providers.base import (
    Checked,
    Field,
    Gone,
    Invalid,
    Page,
    Person,
    PhotoProblem,
    Token,
    bounded,
)

PAGE_SIZE: Final = 20
# Of no registered scheme: only this adapter knows what to do with it.
SCHEME: Final = "chatboost-sandbox:"
_PHOTO: Final = re.compile(rf"{SCHEME}portrait/([0-9]{{1,3}})")
_CURSOR: Final = re.compile(r"[0-9]{0,9}")
_LABELS: Final = {
    "firstname": "First name",
    "lastname": "Last name",
    "email": "E-mail",
    "company": "Company",
    "city": "City",
    "photo": "Photo",
    "lucky_number": "Lucky number",
    "invitation_link": "Invitation link",
}


class SandboxSource:
    """The people of one sandbox source."""

    writes_links: ClassVar[bool] = True
    renewed: Token | None = None

    def __init__(self, source_id: int, organization_id: int) -> None:
        self._source_id = source_id
        self._organization_id = organization_id

    def check(self) -> Checked:
        """Count the people."""
        with rows.reading():
            count = self._people().count()
        fields = [Field(alias, label) for alias, label in _LABELS.items()]
        return Checked(f"Sandbox of {count} people", fields)

    def page(self, cursor: str, since: datetime | None) -> Page:
        """Return the people behind a number. Raises: Invalid (`bad_cursor`)."""
        if not _CURSOR.fullmatch(cursor):
            raise Invalid("The cursor is not one of this source.", "bad_cursor")
        with rows.reading():
            people = self._people().filter(number__gt=int(cursor or 0)).order_by("number")
            if since is not None:
                people = people.filter(changed_at__gte=since)
            found = list(people[:PAGE_SIZE])
        following = str(found[-1].number) if len(found) == PAGE_SIZE else ""
        return Page([_person(contact) for contact in found], following)

    def person(self, external_id: str) -> Person:
        """Return one of them. Raises: Gone."""
        with rows.reading():
            return _person(self._one(external_id, self._people()))

    def read_link(self, external_id: str, field: str) -> str:
        """Return a field's value. Raises: Gone, Invalid (`no_such_field`)."""
        values = self.person(external_id).values
        if field not in values:
            raise Invalid(f"Contacts have no field “{field[:60]}” in the sandbox.", "no_such_field")
        return values[field]

    def write_link(self, external_id: str, field: str, link: str) -> None:
        """Set a field. Raises: Gone, Invalid (`no_such_field`)."""
        with rows.reading(), transaction.atomic():
            contact = self._one(external_id, self._people().select_for_update())
            if field not in contact.values:
                raise Invalid(f"Contacts have no field “{field[:60]}” in the sandbox.", "no_such_field")
            contact.values = contact.values | {field: link}
            contact.changed_at = clock.now()
            contact.save(update_fields=["values", "changed_at"])

    def photo(self, address: str) -> bytes:
        """Draw a portrait of ours, or fetch whatever else a field was changed to. Raises: PhotoProblem."""
        if not address.startswith(SCHEME):
            return photos.fetch(address)
        match = _PHOTO.fullmatch(address)
        if match is None or not 1 <= int(match[1]) <= drawn_people.COUNT:
            raise PhotoProblem("not_found", "The sandbox has no such portrait.")
        return drawn_people.portrait(int(match[1]))

    def _people(self) -> QuerySet[SandboxContact]:
        own = SandboxContact.objects.filter(organization_id=self._organization_id)
        return own.filter(source_id=self._source_id)

    def _one(self, external_id: str, people: QuerySet[SandboxContact]) -> SandboxContact:
        number = int(external_id) if external_id.isascii() and external_id.isdigit() else 0
        contact = people.filter(number=number).first() if number < 2**31 else None
        if contact is None:
            raise Gone("The sandbox has nobody under this number.")
        return contact


def people_of(source_id: int, organization_id: int) -> list[SandboxContact]:
    """Return the rows that a new sandbox begins with, not saved yet."""
    return [
        SandboxContact(
            organization_id=organization_id,
            source_id=source_id,
            number=number,
            values={**drawn_people.person(number), "photo": photo_of(number), "invitation_link": ""},
        )
        for number in range(1, drawn_people.COUNT + 1)
    ]


def photo_of(number: int) -> str:
    """Return what stands in the photo field: nothing for those who gave none."""
    return f"{SCHEME}portrait/{number}" if drawn_people.has_photo(number) else ""


def _person(contact: SandboxContact) -> Person:
    return Person(str(contact.number), bounded(contact.values))
