"""What the door holds in memory, and for how long: nobody fills the one or wastes the other."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from chatboost.messaging.models import Channel
from chatboost.messaging.webhooks import door as doors
from chatboost.messaging.webhooks.committer import Committer
from chatboost.messaging.webhooks.door import Door
from teams.models import Organization
from tests import factories
from tests.fakes import whatsapp_webhooks as bodies
from tests.messaging.door_posts import PATH, Post, behind, body_of, knock, signed, stored
from tests.messaging.forgeries import SECRET

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _installation(settings: Settings) -> None:
    settings.WHATSAPP_APP_SECRET = [SECRET]


@pytest.fixture
def committer() -> Iterator[Committer]:
    made = Committer()
    yield made
    made.stop()


@pytest.fixture
def door(committer: Committer) -> Door:
    return Door(behind, committer)


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization))


def test_bodies_beyond_the_memory_they_may_take_are_sent_away(
    door: Door, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = body_of(channel)
    monkeypatch.setattr(doors, "MAX_HELD_BYTES", len(raw) - 1)

    [answer] = knock(door, signed(raw))

    assert (answer.status, answer.json()["code"], answer.headers["retry-after"]) == (503, "overloaded", "5")
    assert stored() == (0, 0)


def test_memory_is_given_back_whatever_the_answer_was(
    door: Door, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = body_of(channel)
    monkeypatch.setattr(doors, "MAX_HELD_BYTES", 2 * len(raw) - 1)

    for number in range(3):
        fresh = body_of(channel, "Hi", f"wamid.{number}")
        knock(door, Post([raw], "sha256=bad"), Post([raw[:9], None], "sha256=bad"))
        [answer] = knock(door, signed(fresh))
        assert answer.status == 200

    assert door._held == 0


def test_body_that_does_not_come_is_not_waited_for(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "BODY_SECONDS", 0.05)
    said: list[Any] = []

    async def never() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": []}
    asyncio.run(asyncio.wait_for(door(scope, never, send), 5))

    assert said[0]["status"] == 408
    assert stored() == (0, 0)


def test_committer_whose_thread_has_died_gets_another(
    door: Door, committer: Committer, channel: Channel
) -> None:
    knock(door, signed(body_of(channel)))
    thread = committer._thread
    assert thread is not None
    committer.stop()
    committer._thread = thread

    [answer] = knock(door, Post([raw := body_of(channel, "Again", "wamid.B")], bodies.sign(raw, SECRET)))

    assert answer.json()["new"] == 1
