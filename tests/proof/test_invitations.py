"""Workers are killed at every step of every contact, and providers refuse in storms: nothing is lost or doubled."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
from tests.rig_cuts import PLACES

pytestmark = pytest.mark.proof

IS_FULL = os.environ.get("PROOF") == "full"
# A person's own chat: a message a second.
CHAT = "110000002"
CONTACTS, KILLS = (20, 20) if IS_FULL else (4, 2)
STEPS = ("photo", "render", "upload", "link", "notify")
QUEUES = ("media", "maintenance")
PATIENCE = 300.0


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
            # Longer than a child takes to start.
            "WORK_LEASE_SECONDS": "6",
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


@pytest.mark.parametrize("database", databases())
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
            ["invitations.fetch", "invitations.drive"],
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
            following = STEPS[STEPS.index(step) + 1] if step != STEPS[-1] else None
            _until(rig, [f"invitations.{step}"], lambda found: _is_through(found, step, following))
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
            f"\n{database}: {CONTACTS} contacts, {kills} kills, {took:.0f} s, {found['attempts']} tries of steps, "
            f"{len(world.mautic.effects)} edits, {doubled} doubled notices, "
            f"{found['unfinished_files']} files for retention"
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


def _is_through(found: dict[str, Any], step: str, following: str | None) -> bool:
    if following is None:
        return bool(found["state"] == "completed")
    return not found["steps"].get(step)
