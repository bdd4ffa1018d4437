"""A hundred pages at once: lucky numbers and standing invitations, on real databases."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from chatboost.core.models import OrganizationSettings, WorkItem
from invitations.choices import LuckyMode
from invitations.models import (
    Invitation,
    InvitationBatch,
    InvitationLayout,
    InvitationSource,
    InvitationStep,
    LayoutVersion,
)
from invitations.services import people
from teams.models import ConnectedAccount, Organization, TelegramChat
from tests.core import racing
from tests.invitations import made

TABLES = [
    *(Organization, ConnectedAccount, TelegramChat, InvitationLayout, LayoutVersion, InvitationSource),
    *(InvitationBatch, Invitation, InvitationStep, OrganizationSettings, WorkItem),
]
ADDS = 100


@pytest.fixture(params=racing.DATABASES, autouse=True)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[None]:
    if request.param == "postgresql":
        yield
        return
    with racing.sqlite_file(tmp_path, monkeypatch, django_db_blocker, TABLES):
        yield


def once(call: Callable[[], Any]) -> Any:
    """Run something on a connection of its own, as everything here must."""
    (answer,) = racing.in_threads([call])
    return answer


def seed(mode: str, batches: int = 1, **fields: Any) -> list[InvitationBatch]:
    organization = Organization.objects.create(name="Acme", slug="acme")
    source = made.source(organization)
    return [made.batch(source, lucky_mode=mode, **fields) for _ in range(batches)]


def patient(call: Callable[[], Any]) -> Callable[[], Any]:
    """SQLite has one writer: whoever waits too long in this crowd comes again, as a work item does."""

    def run() -> Any:
        while True:
            try:
                return call()
            except OperationalError as error:
                if "locked" not in str(error):
                    raise

    return run


@pytest.mark.parametrize("mode", [LuckyMode.SEQUENTIAL, LuckyMode.RANDOM])
def test_add_a_hundred_at_once_no_number_twice_none_left_out(mode: str) -> None:
    (batch,) = once(lambda: seed(mode, lucky_first=1, lucky_last=3 * ADDS))

    def page(number: int) -> Callable[[], Any]:
        given = made.people(*range(3 * number, 3 * number + 3))
        return patient(lambda: people.add(batch_of(batch), given))

    racing.in_threads([page(number) for number in range(ADDS)], threads=ADDS)
    rows = once(lambda: list(Invitation.objects.values_list("lucky_serial", "lucky_number")))
    assert sorted(serial for serial, _ in rows) == list(range(3 * ADDS))
    assert {int(number) for _, number in rows} == set(range(1, 3 * ADDS + 1))
    taken = once(lambda: InvitationBatch.objects.get(pk=batch.pk))
    assert (taken.lucky_taken, taken.total_count) == (3 * ADDS, 3 * ADDS)


def test_add_the_same_people_into_many_batches_at_once_invites_each_once() -> None:
    batches = once(lambda: seed(LuckyMode.SEQUENTIAL, batches=4))
    given = made.people(*range(5))
    jobs = [
        patient(lambda row=row: people.add(batch_of(row), given)) for row in batches for _ in range(ADDS // 4)
    ]
    racing.in_threads(jobs, threads=ADDS)
    rows = once(lambda: list(Invitation.objects.values_list("external_id", flat=True)))
    assert Counter(rows) == {str(number): 1 for number in range(5)}


def batch_of(row: InvitationBatch) -> InvitationBatch:
    """Return an instance of the thread's own."""
    return InvitationBatch.objects.get(pk=row.pk)
