"""A person's notifications as the console shows them: those that have a number, in its order."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from teams.models import Inbox, Notification, Organization

# What a frame is made of.
_COLUMNS = "id, organization_id, user_id, seq, type, severity, title, body, url, created_at, read_at"
_WANTED = {
    "sqlite": """json_each(%s) AS wanted CROSS JOIN teams_notification AS found
        ON found.user_id = json_extract(wanted.value, '$[0]')
        AND found.seq > json_extract(wanted.value, '$[1]')""",
    "postgresql": """jsonb_array_elements(%s::jsonb) AS wanted(pair) JOIN teams_notification AS found
        ON found.user_id = (wanted.pair ->> 0)::bigint AND found.seq > (wanted.pair ->> 1)::bigint""",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person stands: their last number, in whichever organization, and what is unread in this one."""

    cursor: int
    unread: int


def of_user(user_id: int, organization: Organization) -> Any:
    """Return what a person was told in the console of an organization: a queryset in no order."""
    rows = Notification.objects.for_organization(organization)
    return rows.filter(user_id=user_id, seq__isnull=False)


def latest(user_id: int, organization: Organization, *, limit: int) -> list[Notification]:
    """Return the newest ones, newest first."""
    return list(of_user(user_id, organization).order_by("-seq")[:limit])


def after(
    user_id: int, organization: Organization, cursor: int, *, until: int, limit: int
) -> list[Notification]:
    """Return the first ones whose numbers are above `cursor` and at most `until`, in order."""
    rows = of_user(user_id, organization).filter(seq__gt=cursor, seq__lte=until)
    return list(rows.order_by("seq")[:limit])


def after_each(cursors: Mapping[int, int], *, limit: int) -> list[Notification]:
    """Return what these users were told after their cursors, in every organization, by user and number.

    One query, whoever asks: with as many rows as `limit` there may be more. For the sockets' deliverer only,
    which hands each row to the sockets of its organization.
    """
    columns = ", ".join(f"found.{column.strip()}" for column in _COLUMNS.split(","))
    statement = (
        f"SELECT {columns} FROM {_WANTED[connection.vendor]}"  # noqa: S608 nothing of a client's
        " ORDER BY found.user_id, found.seq LIMIT %s"
    )
    return list(Notification.objects.raw(statement, [json.dumps(list(cursors.items())), limit]))


def last_seqs(user_ids: Iterable[int]) -> dict[int, int]:
    """Return the last number of each of these users who was ever told anything."""
    return dict(Inbox.objects.filter(user_id__in=list(user_ids)).values_list("user_id", "last_seq"))


def standing(user_id: int, organization: Organization) -> Standing:
    """Return where a person stands. What comes after it has a higher number."""
    cursor = last_seqs([user_id]).get(user_id, 0)
    return Standing(cursor, unread_count(user_id, organization))


def unread_count(user_id: int, organization: Organization, *, at_most: int | None = None) -> int:
    """Count what is unread, as far as `at_most`."""
    count: int = of_user(user_id, organization).filter(read_at=None).order_by()[:at_most].count()
    return count
