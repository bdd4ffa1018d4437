"""Going through Mautic's lists while rows come and go."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invitations.providers import base
from invitations.providers import mautic_paging as paging
from tests.fakes.mautic_rows import Quirks, Rows

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)
SIZE = 4
LISTING = paging.Listing(
    key="contacts",
    id_column="id",
    dates=(("date_added", "dateAdded"), ("date_modified", "dateModified")),
    size=SIZE,
    search="!is:anonymous",
)


def rows(count: int, *, where: bool = True) -> Rows:
    found = Rows(lambda: NOW, Quirks(where=where))
    for _ in range(count):
        found.add({"email": "guest@people.example"})
    return found


def fetch_from(held: Rows) -> Any:
    return lambda params: held.page_of_contacts({name: str(value) for name, value in params})


# What happens between two pages: rows come at the end, or some of those in front or behind go.
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 5)),
        st.tuples(st.just("delete"), st.integers(0, 60)),
        st.tuples(st.just("delete_many"), st.integers(0, 60)),
        st.just(("nothing", 0)),
    ),
    max_size=25,
)


@given(count=st.integers(0, 40), changes=CHANGES, where=st.booleans(), turns=st.booleans())
def test_who_stays_is_seen_once_whatever_comes_and_goes(
    count: int, changes: list[tuple[str, int]], where: bool, turns: bool
) -> None:
    held = rows(count, where=where)
    stays, seen, cursor = set(held.contacts), [], ""
    waiting = list(changes)
    for turn in range(400):
        found = paging.walk(fetch_from(held), LISTING, cursor, None)
        seen += [number for number, _ in found.rows]
        cursor = str(found.next or "")
        if not cursor:
            break
        if turns and turn == 2:
            # A server that is brought up to date, or back, in the middle.
            held.quirks = Quirks(where=not where)
        if waiting:
            stays -= _change(held, *waiting.pop(0))
    else:
        raise AssertionError("the walk does not end")

    assert len(seen) == len(set(seen))
    assert stays <= set(seen)


def _change(held: Rows, what: str, number: int) -> set[int]:
    """Do what happens, and return who has gone."""
    if what == "add":
        for _ in range(number):
            held.add({"email": "late@people.example"})
    gone = {number} if what == "delete" else set()
    if what == "delete_many":
        gone = set(range(number, number + 2 * SIZE))
    for each in gone:
        held.delete(each)
    return gone


@given(
    times=st.lists(st.tuples(st.integers(-3, 3), st.none() | st.integers(-3, 3)), max_size=30),
    where=st.booleans(),
)
def test_since_finds_each_who_was_added_or_changed_once(
    times: list[tuple[int, int | None]], where: bool
) -> None:
    held = rows(len(times), where=where)
    for contact, (added, modified) in zip(held.contacts.values(), times, strict=True):
        contact.added = NOW + timedelta(days=added)
        contact.modified = None if modified is None else NOW + timedelta(days=modified)
    expected = {
        place
        for place, (added, modified) in enumerate(times, 1)
        if added >= 0 or (modified is not None and modified >= 0)
    }
    seen, cursor = [], ""
    for _ in range(200):
        found = paging.walk(fetch_from(held), LISTING, cursor, NOW)
        seen += [number for number, _ in found.rows]
        cursor = str(found.next or "")
        if not cursor:
            break

    assert sorted(seen) == sorted(expected)


def test_walk_goes_on_behind_a_row_that_could_not_be_taken() -> None:
    held = rows(10)
    found = paging.walk(fetch_from(held), LISTING, "", None)
    rest = paging.walk(fetch_from(held), LISTING, str(found.behind(1)), None)

    assert [number for number, _ in rest.rows] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"total": "1"}, "bad_list"),
        ({"total": "1", "contacts": None}, "bad_list"),
        ({"total": "1", "contacts": "none"}, "bad_list"),
        ({"total": "1", "contacts": [{"name": "x"}]}, "no_id"),
        ({"total": "1", "contacts": [{"id": "seven"}]}, "no_id"),
        ({"total": "1", "contacts": [{"id": -7}]}, "no_id"),
        ({"total": "9", "contacts": [{"id": 4}, {"id": 3}, {"id": 2}, {"id": 1}]}, "unsorted"),
    ],
)
def test_list_that_can_not_be_believed_is_a_bad_response(body: Mapping[str, Any], code: str) -> None:
    with pytest.raises(base.BadResponse) as caught:
        paging.walk(lambda params: body, LISTING, "", None)

    assert caught.value.code == code


def test_server_that_shows_other_rows_each_time_is_given_up() -> None:
    numbers = iter(range(1, 100_000))

    def made_up(params: Any) -> dict[str, Any]:
        start = int(dict(params)["start"])
        behind = 1000 * next(numbers) if start else 1
        return {"total": "999999", "contacts": [{"id": behind + place} for place in range(SIZE)]}

    cursor = "o:0:4:3:0"
    with pytest.raises(base.BadResponse) as caught:
        for _ in range(1000):
            cursor = str(paging.walk(made_up, LISTING, cursor, None).next)

    assert caught.value.code == "unstable"


@pytest.mark.parametrize("total", ["7", 7, None, "many", -1, {}])
def test_total_may_be_anything(total: object) -> None:
    held = rows(7)
    seen, cursor = [], ""
    for _ in range(10):
        found = paging.walk(
            lambda params: {**fetch_from(held)(params), "total": total}, LISTING, cursor, None
        )
        seen += [number for number, _ in found.rows]
        cursor = str(found.next or "")
        if not cursor:
            break

    assert seen == [1, 2, 3, 4, 5, 6, 7]
