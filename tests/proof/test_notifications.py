"""Notifications reach every client exactly once: over flushes, killed web processes, slow readers.

Clients do what the documentation says and no more: they keep the last frame's cursor, and resume from it.
"""

import asyncio
import json
import os
import socket
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin

from tests.rig import Rig, database_url, databases, installation
from tests.rig_broker import BINARY, Broker, broker

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(BINARY is None, reason="no embedded Valkey for this system"),
]

IS_FULL = os.environ.get("PROOF") == "full"
CLIENTS, NEWS = (1000, 200) if IS_FULL else (200, 100)
FLAKY, FLUSHES, RESTARTS = (100, 3, 3) if IS_FULL else (10, 2, 1)
PAUSE = 0.08
PATIENCE = 300.0 if IS_FULL else 60.0
# A connection that is refused is tried again after so long.
RETRY = 0.2
MAX_RSS_MIB = 600
# More than the kernel holds for a connection.
MUCH = 5000
MAX_GROWTH_MIB = 60


@dataclass
class Client:
    """One person's tab: it reads, remembers its cursor, and comes back."""

    url: str
    origin: str
    cookie: str
    wanted: int = NEWS
    cursor: int = 0
    is_flaky: bool = False
    # Whether it says where it left off in the address, or by a frame.
    is_early: bool = True
    ids: list[int] = field(default_factory=list)
    connections: int = 0

    async def run(self) -> None:
        """Read until everything has come."""
        while len(self.ids) < self.wanted:
            try:
                async with connect(
                    f"{self.url}?cursor={self.cursor}" if self.is_early else self.url,
                    origin=Origin(self.origin),
                    additional_headers={"Cookie": f"sessionid={self.cookie}"},
                    open_timeout=30,
                    close_timeout=1,
                ) as socket:
                    await self._read(socket)
            except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                await asyncio.sleep(RETRY)

    async def _read(self, socket: ClientConnection) -> None:
        self.connections += 1
        async for text in socket:
            frame: dict[str, Any] = json.loads(text)
            if frame["type"] == "ready" and not self.is_early:
                await socket.send(json.dumps({"type": "resume", "cursor": self.cursor}))
            if frame["type"] == "notification":
                self._take(frame)
                if self.is_flaky and len(self.ids) in (self.wanted // 3, 2 * self.wanted // 3):
                    # It goes away without a word, as a phone in a tunnel does.
                    socket.transport.abort()
            if len(self.ids) >= self.wanted:
                return

    def _take(self, frame: dict[str, Any]) -> None:
        self.ids.append(frame["id"])
        self.cursor = frame["cursor"]


@pytest.mark.parametrize("name", databases())
def test_every_client_gets_every_notification_exactly_once(tmp_path: Path, name: str) -> None:
    with (
        broker(tmp_path) as bell,
        installation(tmp_path, database_url(name, tmp_path), REDIS_URL=bell.url) as rig,
    ):
        cookies = rig.task("seed_people", str(CLIENTS))["cookies"]
        rig.start_web()
        rig.await_web()
        people = {
            user: Client(
                rig.url.replace("http", "ws") + "/ws",
                rig.url,
                cookie,
                is_flaky=place < FLAKY,
                is_early=place % 4 > 0,
            )
            for place, (user, cookie) in enumerate(cookies.items())
        }
        told = asyncio.run(live_through(rig, bell, list(people.values())))
        rss = resident_mib(rig.web)

        wrong = {user: Counter(one.ids) - Counter(told[user]) for user, one in people.items()}
        assert not any(wrong.values()), "somebody got something twice, or what was not theirs"
        assert {user: sorted(one.ids) for user, one in people.items()} == told
        # A frame may come too late where a client gets no time to run for five seconds.
        assert all(one.ids == told[user] for user, one in people.items() if one.is_early)
        assert all(one.connections > RESTARTS for one in people.values())
        assert rss <= MAX_RSS_MIB
        print(
            f"\n{CLIENTS} clients, {NEWS} notifications each, {FLUSHES} flushes, {RESTARTS} restarts: "
            f"all exactly once; {rss} MiB"
        )


def test_slow_reader_is_cut_and_nobody_waits_for_it(tmp_path: Path) -> None:
    with (
        broker(tmp_path) as bell,
        installation(tmp_path, database_url("sqlite", tmp_path), REDIS_URL=bell.url, LOG_LEVEL="INFO") as rig,
    ):
        (slow, slow_cookie), (_, quick_cookie) = rig.task("seed_people", "2")["cookies"].items()
        much = rig.task("tell_much", slow, str(MUCH))["ids"]
        rig.start_web()
        rig.await_web()
        before = resident_mib(rig.web)
        url = rig.url.replace("http", "ws") + "/ws"
        quick = Client(url, rig.url, quick_cookie, wanted=1)

        ids = asyncio.run(read_slowly(rig, url, slow_cookie, quick))

        assert ids == much
        assert resident_mib(rig.web) - before <= MAX_GROWTH_MIB


async def read_slowly(rig: Rig, url: str, cookie: str, quick: Client) -> list[int]:
    """Ask for everything, read nothing until the server has given up, then read on where it broke off."""
    one = Client(url, rig.url, cookie, wanted=MUCH)
    with narrow_socket(rig.port) as narrow:
        # Uncompressed, and with hardly any room on the way.
        async with connect(
            url,
            sock=narrow,
            origin=Origin(rig.url),
            additional_headers={"Cookie": f"sessionid={cookie}"},
            compression=None,
            max_queue=1,
            ping_interval=None,
            close_timeout=1,
        ) as socket:
            assert json.loads(await socket.recv())["type"] == "ready"
            await socket.send(json.dumps({"type": "resume", "cursor": 0}))
            await until(lambda: "socket_dropped" in rig.log("parent"))
            reading = asyncio.create_task(quick.run())
            await asyncio.to_thread(rig.task, "tell_everybody", "1", "0")
            await asyncio.wait_for(reading, PATIENCE)
            with pytest.raises(ConnectionClosed):
                while True:
                    frame = json.loads(await socket.recv())
                    if frame["type"] == "notification":
                        one._take(frame)
    assert 0 < len(one.ids) < MUCH
    await asyncio.wait_for(one.run(), PATIENCE)
    return one.ids


def narrow_socket(port: int) -> socket.socket:
    """Return a connection whose receiver keeps next to nothing."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", port))
    made.setblocking(False)
    return made


async def live_through(rig: Rig, bell: Broker, people: list[Client]) -> dict[str, list[int]]:
    """Tell everybody everything while the broker forgets and the web process dies; returns what was told."""
    readers = [asyncio.create_task(one.run()) for one in people]
    await until(lambda: all(one.connections for one in people))
    telling = asyncio.create_task(asyncio.to_thread(rig.task, "tell_everybody", str(NEWS), str(PAUSE)))
    harms = [bell.flush] * FLUSHES + [lambda: restart(rig)] * RESTARTS
    for place, harm in enumerate(sorted(harms, key=lambda harm: harm is not bell.flush), start=1):
        share = NEWS * place // (len(harms) + 1)
        await until(lambda share=share: sorted(len(one.ids) for one in people)[len(people) // 2] >= share)
        await asyncio.to_thread(harm)
    told: dict[str, list[int]] = (await telling)["told"]
    await asyncio.wait_for(asyncio.gather(*readers), PATIENCE)
    return told


def restart(rig: Rig) -> None:
    """Kill the web process and start another."""
    rig.kill(rig.web)
    rig.start_web()
    rig.await_web()


async def until(check: Any) -> None:
    """Wait for something that the clients see."""
    async with asyncio.timeout(PATIENCE):
        while not check():
            await asyncio.sleep(0.02)


def resident_mib(pid: int) -> int:
    """Return what a process holds in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmRSS"))
    return int(kilobytes) // 1024
