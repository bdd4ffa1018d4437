"""Many that tell the same people at once: every number once, every key once, nobody dead-locked."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from chatboost.core.models import WorkItem
from teams.models import (
    Inbox,
    Membership,
    Notification,
    NotificationPreference,
    NotificationType,
    Organization,
    TelegramChat,
    TelegramMessage,
    User,
)
from teams.notifications import notify
from tests.core import racing

PEOPLE = 5


@pytest.fixture(params=racing.DATABASES, autouse=True)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[None]:
    if request.param == "postgresql":
        yield
        return
    tables = [User, Organization, Membership, Inbox, Notification, NotificationPreference]
    tables += [TelegramChat, TelegramMessage, WorkItem]  # type: ignore[list-item]
    with racing.sqlite_file(tmp_path, monkeypatch, django_db_blocker, tables):
        yield


@pytest.fixture
def organization_id(database: None) -> int:
    def make() -> int:
        organization = Organization.objects.create(name="Acme", slug="acme")
        for number in range(PEOPLE):
            user = User.objects.create(email=f"person{number}@example.com", password="!")
            Membership.objects.create(organization=organization, user=user, role="viewer")
        connection.close()
        return organization.pk

    (made,) = racing.in_threads([make])
    return int(made)


def tell(organization_id: int, key: str | None) -> int:
    with transaction.atomic():
        rows = notify(
            organization=Organization.objects.get(pk=organization_id),
            type=NotificationType.INCIDENT,
            title="It broke",
            permission="teams.view_notification",
            dedupe_key=key,
        )
    return len(rows)


def found() -> tuple[list[tuple[int, int]], dict[int, int], int]:
    def read() -> tuple[list[tuple[int, int]], dict[int, int], int]:
        rows = list(Notification.objects.values_list("user_id", "seq"))
        mails = WorkItem.objects.filter(kind="teams.notification_mail").count()
        return rows, dict(Inbox.objects.values_list("user_id", "last_seq")), mails

    (answer,) = racing.in_threads([read])
    return answer


def race(organization_id: int, keys: list[str | None], threads: int) -> list[int]:
    return racing.in_threads([lambda key=key: tell(organization_id, key) for key in keys], threads=threads)


def test_numbers_are_given_once_and_none_is_left_out(organization_id: int) -> None:
    race(organization_id, [None] * 20, 10)
    rows, last, mails = found()
    by_user = Counter(user_id for user_id, _ in rows)
    assert set(by_user.values()) == {20}
    assert len(set(rows)) == len(rows) == mails == 20 * PEOPLE
    assert set(last.values()) == {20}


def test_key_is_told_once_however_many_tell_it(organization_id: int) -> None:
    told = race(organization_id, ["k"] * 20, 10)
    rows, _, mails = found()
    assert sum(told) == len(rows) == mails == PEOPLE


@pytest.mark.proof
def test_hundred_at_once_tell_everybody_of_everything_once(organization_id: int) -> None:
    keys: list[str | None] = [None] * 50 + [f"k{number % 10}" for number in range(50)]
    race(organization_id, keys, 100)
    rows, last, mails = found()
    by_user = Counter(user_id for user_id, _ in rows)
    assert set(by_user.values()) == {60}
    assert len(set(rows)) == len(rows) == mails
    assert all(last[user_id] >= 60 for user_id in by_user)
