"""A table that somebody handed in: one person a row, told apart by e-mail or by the row's content.

Links go to the invitations alone: the file stays as it is.
"""

import hashlib
import json
import re
from collections.abc import Generator
from contextlib import closing
from datetime import datetime
from typing import IO, ClassVar, Final
from uuid import UUID

from django.conf import settings

from chatboost.core import files
from chatboost.core.errors import NotFound
from chatboost.core.exchange import reading
from chatboost.core.exchange.errors import FileRefused
from invitations.providers import photos, rows
from invitations.providers.base import (
    MAX_EXTERNAL_ID,
    MAX_FIELDS,
    Checked,
    Field,
    Gone,
    Invalid,
    Page,
    Person,
    Token,
    bounded,
)

# The file is read from its beginning for each page, so pages are large.
PAGE_SIZE: Final = 1000
_CURSOR: Final = re.compile(r"[0-9]{0,9}")


class FileSource:
    """The rows of a file. `email_field` is the column by which people are told apart."""

    writes_links: ClassVar[bool] = False
    renewed: Token | None = None

    def __init__(self, file_uuid: UUID | None, organization_id: int, *, email_field: str = "") -> None:
        self._file_uuid = file_uuid
        self._organization_id = organization_id
        self._email_field = email_field

    def check(self) -> Checked:
        """Look the whole file through. Raises: Gone, Invalid (codes of FileRefused)."""
        count = 0
        problems: list[str] = []
        columns: tuple[str, ...] = ()
        with rows.reading(), self._open() as stream:
            try:
                table = open_table(stream)
                for batch in table.batches:
                    count += len(batch.rows)
                    columns = batch.columns
                    problems += [f"Row {row.number}: {row.error}" for row in batch.broken[:5]]
            except FileRefused as refusal:
                raise Invalid(refusal.message, refusal.code) from refusal
        if self._email_field and self._email_field not in columns:
            problems.append(f"No column is called “{self._email_field}”.")
        fields = [Field(name, name) for name in columns[:MAX_FIELDS]]
        return Checked(f"{count:,} rows", fields, problems=problems[:20])

    def page(self, cursor: str, since: datetime | None) -> Page:
        """Return the people behind a row, all of them whatever `since` says: a file does not change.

        Raises: Gone, Invalid (`bad_cursor`, codes of FileRefused).
        """
        if not _CURSOR.fullmatch(cursor):
            raise Invalid("The cursor is not one of this source.", "bad_cursor")
        start, place = int(cursor or 0), 0
        people: list[Person] = []
        with closing(self._people()) as everybody:
            for person in everybody:
                place += 1
                if place <= start:
                    continue
                people.append(person)
                if len(people) == PAGE_SIZE:
                    return Page(people, str(place))
        return Page(people)

    def person(self, external_id: str) -> Person:
        """Return one row's person. Raises: Gone."""
        with closing(self._people()) as everybody:
            for person in everybody:
                if person.external_id == external_id:
                    return person
        raise Gone("No row of the file is this person’s.")

    def read_link(self, external_id: str, field: str) -> str:
        """Return what the file says: that never changes. Raises: Gone."""
        return self.person(external_id).values.get(field, "")

    def write_link(self, external_id: str, field: str, link: str) -> None:
        """Do nothing: the link stands in the invitation and in the batch's report."""

    def photo(self, address: str) -> bytes:
        """Fetch a photo. Raises: PhotoProblem."""
        return photos.fetch(address)

    def _people(self) -> Generator[Person, None, None]:
        with rows.reading(), self._open() as stream:
            try:
                for batch in open_table(stream).batches:
                    for cells in batch.rows:
                        yield self._person(dict(zip(batch.columns, cells, strict=True)))
            except FileRefused as refusal:
                raise Invalid(refusal.message, refusal.code) from refusal

    def _person(self, cells: dict[str, str]) -> Person:
        values = bounded({name: cell.strip() for name, cell in cells.items()}, first=(self._email_field,))
        email = values.get(self._email_field, "").lower()
        if email and len(email) <= MAX_EXTERNAL_ID:
            return Person(email, values)
        content = json.dumps(sorted(values.items())).encode()
        return Person(f"row:{hashlib.sha256(content).hexdigest()[:40]}", values)

    def _open(self) -> IO[bytes]:
        if self._file_uuid is None:
            raise Gone("Hand in a file first.", "no_file")
        try:
            return files.open(files.get(self._file_uuid, self._organization_id))
        except NotFound as missing:
            raise Gone(missing.message, "no_file") from missing


def open_table(stream: IO[bytes]) -> reading.Table:
    """Recognise a table of people. Raises: FileRefused, here and while its batches are read."""
    table = reading.open_table(
        stream, max_bytes=settings.INVITATION_MAX_BYTES, max_rows=settings.INVITATION_MAX_ROWS
    )
    if table.format not in ("csv", "xlsx"):
        raise FileRefused("Hand in CSV or Excel (.xlsx).", code="unsupported_format")
    return table
