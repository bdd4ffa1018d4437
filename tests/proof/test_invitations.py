"""Workers are killed at each step of each contact, providers refuse in storms: nothing is lost or doubled.

A cut hits one place of one step: before its call, after it, after its outcome is committed.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.faults import Fault, Rule
from tests.fakes.google import DRIVE_SCOPE, GoogleFake
from tests.fakes.google_drive import FOLDER
from tests.fakes.images import ImageHost
from tests.fakes.mautic import PASSWORD, USER, MauticFake
from tests.fakes.telegram import TOKEN, TelegramFake
from tests.rig import Cut, Rig, await_true, database_url, databases, installation
from tests.rig_broker import BINARY, broker
from tests.rig_cuts import PLACES

pytestmark = pytest.mark.proof

IS_FULL = os.environ.get("PROOF") == "full"
# A person's own chat: a message a second.
CHAT = "110000002"
# Kills are at each of three places of each of five steps.
CONTACTS, KILLS = (20, 20) if IS_FULL else (3, 1)
STORM_CONTACTS, STORM_SECONDS = (200, 180) if IS_FULL else (12, 0)
# At each provider at least, before it is calm again; and for how many seconds each is to be left alone.
REFUSALS, RETRY_AFTER = (5, 3) if IS_FULL else (3, 2)
STEPS = ("photo", "render", "upload", "link", "notify")
DRIVE = ("invitations.drive_ids", "invitations.drive_folder")
QUEUES = ("media", "maintenance")
PATIENCE = 600.0 if IS_FULL else 300.0
# Calls that had left before a refusal was heard, on a busy machine; and how many leave together.
UNDER_WAY = 1.0
THREADS = "4"


class World:
    """The fakes, and an installation that uses them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.mautic = stack.enter_context(MauticFake())
        self.google = stack.enter_context(GoogleFake())
        self.telegram = stack.enter_context(TelegramFake(chats=[CHAT]))
        self.images = stack.enter_context(ImageHost())
        self.folder = folder

    @contextmanager
    def installed(self, database: str, **environment: str) -> Iterator[Rig]:
        """Prepare a database."""
        settings = {
            **self.google.settings,
            "FETCH_ALLOWED_PRIVATE_HOSTS": f"{self.mautic.authority},{self.images.authority}",
            "TELEGRAM_API_URL": self.telegram.url,
            "PUBLIC_BASE_URL": "https://console.example",
            "MAUTIC_DEADLINE_SECONDS": "1",
            # About as long as a child takes to start.
            "WORK_LEASE_SECONDS": "4",
            "WORK_MAX_CRASHES": "1000",
            **environment,
        }
        with installation(self.folder, database_url(database, self.folder), **settings) as rig:
            yield rig

    def invite(self, rig: Rig, contacts: int, *, has_chat: bool) -> None:
        """Have so many contacts be invited, each with a photo."""
        self.mautic.people(contacts, photo=self.images.address("ok/1.jpg"))
        tokens = self.google.accounts.issue("1001", frozenset({DRIVE_SCOPE}))
        given = {
            "mautic": self.mautic.url,
            "user": USER,
            "password": PASSWORD,
            "tokens": [*tokens, DRIVE_SCOPE],
            "telegram": [TOKEN, CHAT] if has_chat else None,
        }
        rig.task("invite", json.dumps(given))

    def refusals(self) -> list[int]:
        """Count the calls that Mautic, and that Google, refused."""
        return [sum(map(_is_refusal, each.attempts)) for each in (self.mautic, self.google)]

    def require_exactly_once(self, found: dict[str, Any], contacts: int) -> None:
        """Compare what is outside with what the database says."""
        assert (found["state"], found["counts"]) == ("completed", [contacts, contacts, 0, 0])
        assert found["dead_work"] == []
        assert found["ledger"] == {"done": 5 * contacts}
        assert found["without_file"] == 0
        assert found["files"] == 3 * contacts
        assert found["notifications"] == 1
        files = [each for each in self.google.effects("file") if each["mimeType"] != FOLDER]
        folders = [each for each in self.google.effects("file") if each["mimeType"] == FOLDER]
        assert (len(folders), len(files)) == (1, contacts)
        assert self.google.doubled_names() == []
        assert {each["id"] for each in files} == {drive_id for drive_id, _ in found["links"].values()}
        links = {str(pk): each.values["invitation_link"] for pk, each in self.mautic.rows.contacts.items()}
        assert links == {pk: link for pk, (_, link) in found["links"].items()}
        assert len(set(links.values())) == contacts
        assert (self.google.problems, self.mautic.violations) == ([], [])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path, stack)


@pytest.mark.parametrize("database", databases() if IS_FULL else databases()[:1])
def test_kill_at_every_step_of_every_contact_doubles_nothing(database: str, world: World) -> None:
    with world.installed(database) as rig:
        world.google.play(
            Rule(
                fault=Fault.ACCEPT_THEN_HANG,
                match={"call": "drive.files.create"},
                probability=0.3,
                seconds=3,
            ),
            seed=7,
        )
        world.invite(rig, CONTACTS, has_chat=True)
        # Sweeps; what lies in its queue is nobody's.
        rig.start_worker(["campaign"])
        began = time.monotonic()
        _until(
            rig,
            ["invitations.fetch", *DRIVE],
            lambda found: found["has_folder"] and not found["without_id"],
        )
        chat = rig.start_drain(QUEUES, kinds=["teams.telegram"])
        kills = 0
        for step in STEPS:
            kills += _kill_in(rig, f"invitations.{step}")
            # In the middle of a message, perhaps.
            rig.kill(chat)
            chat = rig.start_drain(QUEUES, kinds=["teams.telegram"])
            kills += 1
            _until(rig, [f"invitations.{step}"], partial(_is_through, step))
        rig.start_worker(QUEUES)
        await_true(lambda: not rig.task("invitations")["open_work"], PATIENCE, "work was left over")
        took = time.monotonic() - began
        found = rig.task("invitations")
        world.require_exactly_once(found, CONTACTS)
        told = Counter(entry["text"] for entry in world.telegram.ledger)
        assert (len(told), found["messages"]) == (5 * CONTACTS, 5 * CONTACTS)
        doubled = sum(told.values()) - len(told)
        assert doubled <= max(1, kills // 100)
        assert doubled <= found["counters"].get("telegram_repeated", 0)
        print(
            f"\n{database}: {CONTACTS} contacts, {kills} kills, {took:.0f} s, "
            f"{found['attempts']} tries of steps, {len(world.mautic.effects)} edits, "
            f"{doubled} doubled notices, {found['unfinished_files']} files for retention"
        )


def _kill_in(rig: Rig, kind: str) -> int:
    """Cut the power at each place of a step, for each contact; returns how often."""
    kills = 0
    for place in PLACES:
        for _ in range(KILLS):
            victim = rig.start_drain(QUEUES, kinds=[kind], cut=Cut(kind, place))
            await_true(lambda: not rig.is_alive(victim), PATIENCE, f"{kind} never came to “{place}”")  # noqa: B023
            kills += 1
    return kills


def _until(rig: Rig, kinds: Sequence[str], is_done: Any) -> None:
    """Have a worker do some kinds of work until the database says that it is done."""
    worker = rig.start_drain(QUEUES, kinds=kinds)
    await_true(lambda: is_done(rig.task("invitations")), PATIENCE, f"{kinds} did not end")
    rig.kill(worker)


def _is_through(step: str, found: dict[str, Any]) -> bool:
    if step == STEPS[-1]:
        return bool(found["state"] == "completed")
    return not found["steps"].get(step)


@pytest.mark.skipif(BINARY is None, reason="no embedded Valkey for this system")
@pytest.mark.parametrize("database", databases() if IS_FULL else databases()[:1])
def test_storm_of_refusals_ends_and_nobody_calls_early(database: str, world: World, tmp_path: Path) -> None:
    # Processes share what they are told through the cache.
    with (
        broker(tmp_path) as cache,
        world.installed(database, REDIS_URL=cache.url, SEND_THREADS=THREADS) as rig,
    ):
        world.invite(rig, STORM_CONTACTS, has_chat=False)
        _until(
            rig,
            ["invitations.fetch", *DRIVE, "invitations.photo", "invitations.render"],
            lambda found: found["has_folder"] and found["steps"] == {"upload": STORM_CONTACTS},
        )
        world.mautic.play(_storm(0.6), seed=3)
        reason = "userRateLimitExceeded"
        world.google.play(_storm(0.3, status=403, message=reason), _storm(0.4), seed=4)
        workers = [rig.start_worker(QUEUES), rig.start_worker(QUEUES)]
        began = time.monotonic()
        await_true(
            lambda: time.monotonic() - began >= STORM_SECONDS and min(world.refusals()) >= REFUSALS,
            PATIENCE,
            "nobody was refused so often",
        )
        storms = world.refusals()
        world.mautic.play()
        world.google.play()
        calm = time.time()
        await_true(lambda: not rig.task("invitations")["open_work"], PATIENCE, "work was left over")
        took = time.monotonic() - began
        found = rig.task("invitations")
        world.require_exactly_once(found, STORM_CONTACTS)
        assert all(rig.is_alive(worker) for worker in workers)
        early = [_early(world.mautic.attempts), _early(world.google.attempts)]
        print(
            f"\n{database}: {STORM_CONTACTS} contacts, {storms} refusals, {took:.0f} s, "
            f" {sum(map(len, early))} calls before their time"
        )
        assert early == [[], []]
        # Three calls of a link, three of an upload.
        calls = sum(each["at"] > calm for each in (*world.mautic.attempts, *world.google.attempts))
        assert calls <= 1.3 * 6 * STORM_CONTACTS


def _storm(probability: float, **fields: Any) -> Rule:
    fields.setdefault("status", 429)
    return Rule(fault=Fault.ERROR, retry_after=str(RETRY_AFTER), probability=probability, **fields)


def _is_refusal(attempt: dict[str, Any]) -> bool:
    return bool(attempt.get("fault") or attempt.get("answer") == Fault.ERROR.value)


def _early(attempts: Sequence[dict[str, Any]]) -> list[float]:
    """Return by how much calls came too early that left after a refusal had been heard."""
    found = []
    until = heard = 0.0
    for attempt in sorted(attempts, key=lambda each: each["at"]):
        at = attempt["at"]
        if heard + UNDER_WAY < at < until:
            found.append(until - at)
        if _is_refusal(attempt):
            heard = at if at >= until else heard
            until = max(until, at + RETRY_AFTER)
    return found
