"""The fast door: answers are the view's, commits come before them, and no one pays for others."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections
from django.test import Client
from pytest_django import Settings

from chatboost.core.models import WorkItem
from chatboost.messaging.models import Channel, WebhookReceipt
from chatboost.messaging.webhooks import committer as committing
from chatboost.messaging.webhooks.committer import Committer
from chatboost.messaging.webhooks.door import Door
from chatboost.settings import environment
from teams.models import Organization
from tests import factories
from tests.fakes import whatsapp_webhooks as bodies
from tests.messaging.door_posts import PATH, Post, behind, body_of, knock, signed, stored
from tests.messaging.forgeries import FORGERIES, SECRET, VERIFY_TOKEN

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _installation(settings: Settings) -> None:
    settings.WHATSAPP_APP_SECRET = [SECRET]
    settings.WHATSAPP_WEBHOOK_VERIFY_TOKEN = VERIFY_TOKEN


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


# What is stored


@pytest.mark.parametrize("path", [PATH, PATH + "/"])
def test_post_signed_is_stored_with_its_work(door: Door, channel: Channel, path: str) -> None:
    [answer] = knock(door, signed(body_of(channel), path=path))

    assert (answer.status, answer.json()) == (200, {"status": "ok", "parts": 1, "new": 1})
    receipt = WebhookReceipt.objects.get()
    assert (receipt.channel, receipt.organization, receipt.key) == (
        channel,
        channel.organization,
        "m:wamid.A",
    )
    assert WorkItem.objects.get().subject_id == receipt.pk


def test_post_is_committed_before_it_is_answered(door: Door, channel: Channel) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(WebhookReceipt.objects.count())
        connection.close()

    knock(door, signed(body_of(channel), on_answer=look))

    assert seen == [1]


def test_post_in_pieces_is_put_together(door: Door, channel: Channel) -> None:
    raw = body_of(channel)

    [answer] = knock(door, Post([raw[:10], b"", raw[10:]], bodies.sign(raw, SECRET)))

    assert answer.json()["new"] == 1


def test_post_of_copies_at_one_moment_is_one_receipt(door: Door, channel: Channel) -> None:
    answers = knock(door, *[signed(body_of(channel)) for _ in range(40)])

    assert {answer.status for answer in answers} == {200}
    assert sum(answer.json()["new"] for answer in answers) == 1
    assert stored() == (1, 1)


def test_post_again_is_nothing_new(door: Door, channel: Channel) -> None:
    told = [knock(door, signed(body_of(channel)))[0].json()["new"] for _ in range(3)]

    assert told == [1, 0, 0]


def test_posts_at_one_moment_are_all_stored_and_counted_apart(door: Door, channel: Channel) -> None:
    posts = [
        signed(body_of(channel, "Hi", *(f"wamid.{number}.{part}" for part in range(number % 3 + 1))))
        for number in range(committing.MAX_GROUP + 40)
    ]

    answers = knock(door, *posts)

    assert [answer.json()["new"] for answer in answers] == [number % 3 + 1 for number in range(len(posts))]
    assert WebhookReceipt.objects.count() == sum(answer.json()["parts"] for answer in answers)


def test_posts_keep_their_order_in_line(door: Door, channel: Channel) -> None:
    knock(door, *[signed(body_of(channel, "Hi", f"wamid.{number:03d}")) for number in range(60)])

    subjects = WorkItem.objects.order_by("id").values_list("subject_id", flat=True)
    keys = WebhookReceipt.objects.in_bulk(list(subjects))
    assert [keys[subject].key for subject in subjects] == [f"m:wamid.{number:03d}" for number in range(60)]


def test_post_larger_than_the_event_loop_reads_is_taken(door: Door, channel: Channel) -> None:
    [answer] = knock(door, signed(body_of(channel, "x" * 2_000_000)))

    assert (answer.status, stored()) == (200, (1, 1))


# What is refused


@pytest.mark.parametrize("is_own", [False, True], ids=["installation", "own door"])
def test_posts_with_forged_signatures_are_refused_and_leave_no_row(
    door: Door, channel: Channel, is_own: bool
) -> None:
    raw, path = body_of(channel), f"{PATH}/{channel.uuid}" if is_own else PATH
    digest = bodies.sign(raw, SECRET).removeprefix("sha256=")
    forged = {name: forge(raw, digest) for name, forge in FORGERIES.items()}

    answers = knock(door, *[Post([body], header, path=path) for body, header in forged.values()])

    told = dict(zip(forged, [(answer.status, answer.json()["code"]) for answer in answers], strict=True))
    assert told == dict.fromkeys(forged, (401, "invalid_signature"))
    assert stored() == (0, 0)


def test_post_whose_header_came_twice_is_refused(door: Door, channel: Channel) -> None:
    raw = body_of(channel)
    signature = bodies.sign(raw, SECRET)

    [answer] = knock(door, Post([raw], signature, headers=[(b"x-hub-signature-256", signature.encode())]))

    assert answer.status == 401


def test_post_announced_larger_than_any_delivery_is_refused_unread(door: Door) -> None:
    length = str(django_settings.WEBHOOK_MAX_BYTES + 1).encode()

    [answer] = knock(door, Post([], "", headers=[(b"content-length", length)]))

    assert (answer.status, answer.json()["code"]) == (413, "body_too_large")


def test_post_larger_than_any_delivery_is_refused_before_its_end(door: Door) -> None:
    chunk = b"x" * (django_settings.WEBHOOK_MAX_BYTES // 2)

    [answer] = knock(door, Post([chunk, chunk, b"xx", None], ""))

    assert answer.status == 413


def test_post_whose_vendor_hangs_up_is_dropped(door: Door, channel: Channel) -> None:
    raw = body_of(channel)

    [answer] = knock(door, Post([raw[:20], None], bodies.sign(raw, SECRET)))

    assert (answer.status, stored()) == (0, (0, 0))


# A channel's own door


@pytest.mark.parametrize("suffix", ["", "/"])
def test_post_at_its_own_door_counts_the_channels_secret(
    door: Door, organization: Organization, suffix: str
) -> None:
    mine = factories.channel(factories.bot(organization), app_secret="own-secret")
    path, raw = f"{PATH}/{mine.uuid}{suffix}", body_of(mine)

    answers = knock(door, signed(raw, secret="own-secret", path=path), signed(raw, path=path))

    assert [answer.status for answer in answers] == [200, 401]


def test_post_at_its_own_door_drops_what_is_about_another_number(
    door: Door, channel: Channel, other_organization: Organization
) -> None:
    mine = factories.channel(factories.bot(other_organization), app_secret="own-secret")

    [answer] = knock(door, signed(body_of(channel), secret="own-secret", path=f"{PATH}/{mine.uuid}"))

    assert (answer.json()["parts"], stored()) == (0, (0, 0))


def test_post_with_a_secret_that_was_just_replaced_is_refused(door: Door, organization: Organization) -> None:
    mine = factories.channel(factories.bot(organization), app_secret="old-secret")
    post = signed(body_of(mine), secret="old-secret", path=f"{PATH}/{mine.uuid}")
    before = knock(door, post)[0].status
    Channel.objects.filter(pk=mine.pk).update(app_secret="new-secret")

    assert (before, knock(door, post)[0].status) == (200, 401)


# The same as the view


BAD_POSTS = {
    "empty": (b"", PATH),
    "no JSON": (b"{", PATH),
    "no object": (b"[]", PATH),
    "nothing in it": (b"{}", PATH),
    "not UTF-8": (b"\xff\xfe", PATH),
    "too large": (b"x" * (3 * 1024 * 1024 + 1), PATH),
    "no such door": (b"{}", f"{PATH}/{uuid4()}"),
}


@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "forged"])
def test_door_answers_as_the_view_does(door: Door, is_signed: bool) -> None:
    view = Client()
    there, posts = {}, []
    for name, (raw, path) in BAD_POSTS.items():
        header = bodies.sign(raw, SECRET) if is_signed else "sha256=" + "0" * 64
        said = view.post(
            path, data=raw, content_type="application/json", headers={"X-Hub-Signature-256": header}
        )
        there[name] = (said.status_code, said["Content-Type"], said.json() | {"request_id": ""})
        posts.append(Post([raw], header, path=path))

    answers = knock(door, *posts)

    here = {
        name: (answer.status, answer.headers["content-type"], answer.json() | {"request_id": ""})
        for name, answer in zip(BAD_POSTS, answers, strict=True)
    }
    assert here == there


OTHERS = [
    ("GET", PATH),
    ("PUT", PATH),
    ("POST", "/whatsapp/webhook/no-uuid"),
    ("POST", "/whatsapp/webhooks"),
    ("POST", "/whatsapp/webhook/\n"),
    ("POST", "/messages/"),
]


def test_everything_else_goes_on(door: Door) -> None:
    answers = knock(door, *[Post([b""], method=method, path=path) for method, path in OTHERS])

    assert dict(zip(OTHERS, [answer.status for answer in answers], strict=True)) == dict.fromkeys(OTHERS, 418)


def test_refusal_carries_the_request_id_that_was_given(door: Door) -> None:
    [answer] = knock(door, Post([b"{}"], None, headers=[(b"x-request-id", b"abc-123")]))

    assert (answer.json()["request_id"], answer.headers["x-request-id"]) == ("abc-123", "abc-123")


# When things go wrong


def test_post_while_the_database_is_away_is_to_come_again(
    door: Door, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{nobody.getsockname()[1]}/nothing"
        away = connections.configure_settings({"default": environment.database(url)})["default"]
        # For the committer's thread, which is yet to connect.
        monkeypatch.setitem(connections.settings, "default", away)
        answers = knock(door, *[signed(body_of(channel, "Hi", f"wamid.{number}")) for number in range(3)])

    assert {(answer.status, answer.json()["code"]) for answer in answers} == {(503, "database_unavailable")}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    assert stored() == (0, 0)


@pytest.mark.services
def test_post_after_the_connection_was_cut_is_stored(door: Door, channel: Channel) -> None:
    knock(door, signed(body_of(channel, "Hi", "wamid.1")))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    [answer] = knock(door, signed(body_of(channel, "Hi", "wamid.2")))

    assert (answer.status, stored()) == (200, (2, 2))


POISON = {
    "sqlite": [
        "CREATE TRIGGER poison BEFORE INSERT ON messaging_webhookreceipt WHEN NEW.key = 'm:wamid.poison'"
        " BEGIN SELECT RAISE(ABORT, 'poison'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'poison'; END $$",
        "CREATE TRIGGER poison BEFORE INSERT ON messaging_webhookreceipt FOR EACH ROW"
        " WHEN (NEW.key = 'm:wamid.poison') EXECUTE FUNCTION poison()",
    ],
}
CURE = {
    "sqlite": ["DROP TRIGGER poison"],
    "postgresql": ["DROP TRIGGER poison ON messaging_webhookreceipt", "DROP FUNCTION poison()"],
}


@contextmanager
def poisoned() -> Iterator[None]:
    """Have the database refuse one message."""
    with connection.cursor() as cursor:
        for statement in POISON[connection.vendor]:
            cursor.execute(statement)
        yield
        for statement in CURE[connection.vendor]:
            cursor.execute(statement)


def test_post_that_the_database_refuses_costs_nobody_else(door: Door, channel: Channel) -> None:
    ids = [f"wamid.{number}" for number in range(30)]
    ids[17] = "wamid.poison"

    with poisoned():
        answers = knock(door, *[signed(body_of(channel, "Hi", id_)) for id_ in ids])

    assert [answer.status for answer in answers] == [500 if id_ == "wamid.poison" else 200 for id_ in ids]
    assert answers[17].json()["code"] == "internal_error"
    assert stored() == (29, 29)


def test_post_when_too_many_wait_is_to_come_again(
    door: Door, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "MAX_WAITING", 0)

    [answer] = knock(door, signed(body_of(channel)))

    assert (answer.status, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"] == "5"


def test_stop_ends_the_thread_and_the_next_post_starts_another(
    door: Door, committer: Committer, channel: Channel
) -> None:
    knock(door, signed(body_of(channel, "Hi", "wamid.1")))
    committer.stop()
    running = [thread.name for thread in threading.enumerate()]

    [answer] = knock(door, signed(body_of(channel, "Hi", "wamid.2")))

    assert "webhook-committer" not in running
    assert (answer.status, stored()) == (200, (2, 2))
