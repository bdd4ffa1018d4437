"""Going through a list of Mautic's while rows come and go. Pure but for the calls it is handed.

A *keyset* walk asks for what lies behind the last id, so nothing that happens in front of it matters. Whoever
changed since a time is looked for once by each of the list's dates, and taken where the first of them says
so. A server that does not know `where` (it shows: a row comes that should not) is walked by *offset*, each
page beginning with the last row of the one before: where that row is not first, rows have gone, and the walk
steps back until it has found its place again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from invitations.providers import mautic_answers as answers
from invitations.providers.base import BadResponse, Invalid

Params = list[tuple[str, str | int]]
Fetch = Callable[[Params], Mapping[str, Any]]

# Steps back in a row. So many rows don't go between two pages: the server makes things up.
MAX_BACKS: Final = 200
_CURSOR: Final = re.compile(r"([ko]):([0-9]{1,2}):([0-9]{1,19}):([0-9]{1,19}):([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: where it is, and by which columns. `dates` maps columns to the answer's names for them."""

    key: str
    id_column: str
    dates: tuple[tuple[str, str], ...]
    size: int
    search: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a walk is: the id it has come to, and how many rows lie in front (offset: where it goes on)."""

    mode: str = "k"
    phase: int = 0
    last: int = 0
    start: int = 0
    backs: int = 0

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `str` wrote. Raises: Invalid (`bad_cursor`)."""
        if not text:
            return cls()
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise Invalid("The cursor is not one of this source.", "bad_cursor")
        return cls(match[1], *(int(part) for part in match.groups()[1:]))

    def __str__(self) -> str:
        return f"{self.mode}:{self.phase}:{self.last}:{self.start}:{self.backs}"


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows by id, and the cursor behind them; None at the end. `behind` is the cursor behind each."""

    rows: list[tuple[int, dict[str, Any]]]
    next: Cursor | None
    at: Cursor

    def behind(self, place: int) -> Cursor:
        """Return the cursor behind one of the rows, for whoever could not take them all."""
        # Offset: the same page again, without what lies in front of that row.
        return replace(self.at, last=self.rows[place][0])


def walk(fetch: Fetch, listing: Listing, text: str, since: datetime | None) -> Rows:
    """Return the rows behind a cursor. Raises: Invalid, BadResponse, and what `fetch` raises."""
    cursor = Cursor.read(text)
    # Mautic's times have whole seconds.
    since = since.replace(microsecond=0) if since is not None else None
    if cursor.mode == "k":
        found = _by_keyset(fetch, listing, cursor, since)
        if found is not None:
            return found
        cursor = Cursor("o", cursor.phase, cursor.last, max(cursor.start - 1, 0))
    return _by_offset(fetch, listing, cursor, since)


def _by_keyset(fetch: Fetch, listing: Listing, at: Cursor, since: datetime | None) -> Rows | None:
    """Return the rows behind an id; None when the server does not listen to `where`."""
    where: list[tuple[str, str, str]] = []
    if at.last:
        where.append((listing.id_column, "gt", str(at.last)))
    dates = listing.dates if since is not None else ()
    column, name = dates[min(at.phase, len(dates) - 1)] if dates else ("", "")
    if since is not None:
        where.append((column, "gte", f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}"))
    found, total = _read(fetch([*_params(listing, 0), *_where(where)]), listing)
    if any(number <= at.last for number, _ in found) or _is_deaf(found, name, since):
        return None
    here = replace(at, start=at.start + len(found), last=found[-1][0] if found else at.last)
    is_over = not found or (total is not None and len(found) >= total)
    following: Cursor | None = here
    if is_over:
        following = Cursor(phase=at.phase + 1) if at.phase + 1 < len(dates) else None
    earlier = [each for _, each in listing.dates[: at.phase]] if since is not None else []
    rows = [(number, row) for number, row in found if since is None or not _is_since(row, earlier, since)]
    return Rows(rows, following, at)


def _by_offset(fetch: Fetch, listing: Listing, at: Cursor, since: datetime | None) -> Rows:
    found, total = _read(fetch(_params(listing, at.start)), listing)
    if at.start and (not found or found[0][0] > at.last):
        if at.backs >= MAX_BACKS:
            raise BadResponse("Mautic’s list does not stay the same from one call to the next.", "unstable")
        back = replace(at, start=max(0, at.start - listing.size), backs=at.backs + 1)
        return Rows([], back, at)
    new = [(number, row) for number, row in found if number > at.last]
    end = at.start + len(found)
    is_over = not found or (end >= total if total is not None else not new)
    # One row again: it shows whether rows in front have gone.
    start = max(end - 1, at.start + 1)
    following = (
        Cursor("o", at.phase, new[-1][0], start) if new else replace(at, start=start, backs=at.backs + 1)
    )
    names = [name for _, name in listing.dates]
    rows = [
        (number, row)
        for number, row in new
        if since is None
        or (_is_since(row, names[at.phase :], since) and not _is_since(row, names[: at.phase], since))
    ]
    return Rows(rows, None if is_over else following, at)


def _read(body: Mapping[str, Any], listing: Listing) -> tuple[list[tuple[int, dict[str, Any]]], int | None]:
    """Return a page's rows by id, and how many there are in all, if it says so."""
    if listing.key not in body:
        raise BadResponse("A list is missing in Mautic’s answer.", "bad_list")
    listed = answers.entries(body[listing.key])
    found = [(number, row) for row in listed if (number := answers.id_of(row)) is not None]
    if len(found) < len(listed):
        raise BadResponse("Mautic answers entries without an id.", "no_id")
    numbers = [number for number, _ in found]
    if len(found) >= listing.size and numbers != sorted(numbers):
        raise BadResponse("Mautic does not sort the list as it was asked to.", "unsorted")
    total = answers.integer(body.get("total"))
    if total is not None and total < len(found):
        total = None
    return sorted(found, key=lambda each: each[0]), total


def _params(listing: Listing, start: int) -> Params:
    params: Params = [
        ("start", start),
        ("limit", listing.size),
        ("orderBy", listing.id_column),
        ("orderByDir", "asc"),
    ]
    return [*params, ("search", listing.search)] if listing.search else params


def _where(conditions: list[tuple[str, str, str]]) -> Params:
    names = ("col", "expr", "val")
    return [
        (f"where[{place}][{name}]", value)
        for place, condition in enumerate(conditions)
        for name, value in zip(names, condition, strict=True)
    ]


def _is_deaf(found: list[tuple[int, dict[str, Any]]], name: str, since: datetime | None) -> bool:
    if since is None:
        return False
    return any(_is_before(row, name, since) for _, row in found)


def _is_since(row: Mapping[str, Any], names: list[str], since: datetime) -> bool:
    times = [answers.moment(row.get(name)) for name in names]
    return any(time is not None and time >= since for time in times)


def _is_before(row: Mapping[str, Any], name: str, since: datetime) -> bool:
    # A time that is not there at all is not known; one that is null can't have been asked for.
    time = answers.moment(row.get(name))
    return row.get(name, "") is None or (time is not None and time < since)
