"""Workers are killed at random under load: nothing is lost, doubled or out of order."""

import http.client
import os
import random
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.fakes import whatsapp_webhooks as bodies
from tests.rig import APP_SECRET, Rig, installation

pytestmark = pytest.mark.proof

IS_FULL = os.environ.get("PROOF") == "full"
CONTACTS = 100 if IS_FULL else 30
PER_CONTACT = 10
KILLS = 300 if IS_FULL else 20
COPIES = 3
SENDERS = 4


def databases() -> list[str]:
    """SQLite always; PostgreSQL where DATABASE_URL names one."""
    return ["sqlite", *(["postgresql"] if "postgres" in os.environ.get("DATABASE_URL", "") else [])]


@pytest.mark.parametrize("database", databases())
def test_killed_workers_lose_double_and_reorder_nothing(database: str, tmp_path: Path) -> None:
    url = os.environ["DATABASE_URL"] if database == "postgresql" else f"sqlite:///{tmp_path / 'rig.sqlite3'}"
    with installation(tmp_path, url) as rig:
        seeded = rig.task("seed_echo")
        rig.start_graph("--phone-number-id", seeded["phone_number_id"], "--delay", "0.02", "0.3", "--shuffle")
        rig.start_web()
        workers = [rig.start_worker(), rig.start_worker()]
        senders = [
            threading.Thread(target=post_all, args=(rig, plan(seeded["phone_number_id"], share)))
            for share in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        kill_at_random(rig, workers)
        for sender in senders:
            sender.join()
        quiet_since = time.monotonic()
        wanted = CONTACTS * PER_CONTACT
        rig.await_true(lambda: len(rig.ledger()) >= wanted, 60, "the messages were not all sent within 60 s")
        took = time.monotonic() - quiet_since
        rig.await_true(lambda: rig.task("report")["open_work"] == 0, 30, "work was left over")
        judge(rig, wanted)
        print(f"\n{database}: {KILLS} kills, {wanted} messages, all sent {took:.1f} s after the last")


def plan(phone_number_id: str, share: int) -> list[bytes]:
    """Return a share's deliveries, each three times: firsts in order, copies anywhere after them."""
    rng = random.Random(share)
    streams = [_stream(phone_number_id, contact, rng) for contact in range(share, CONTACTS, SENDERS)]
    merged: list[bytes] = []
    while streams:
        stream = rng.choice(streams)
        merged.append(stream.pop(0))
        if not stream:
            streams.remove(stream)
    return merged


def _stream(phone_number_id: str, contact: int, rng: random.Random) -> list[bytes]:
    firsts = [_body(phone_number_id, contact, number) for number in range(PER_CONTACT)]
    stream = list(firsts)
    for first in firsts:
        for _ in range(COPIES - 1):
            stream.insert(rng.randint(stream.index(first) + 1, len(stream)), first)
    return stream


def _body(phone_number_id: str, contact: int, number: int) -> bytes:
    message = bodies.text_message(
        sender=f"1555{contact:07d}",
        wamid=f"wamid.{contact}.{number}",
        text=f"say {number}",
        timestamp=int(START) + number,
    )
    return bodies.encode(bodies.delivery(phone_number_id, messages=[message]))


START = time.time() - 3600


def post_all(rig: Rig, deliveries: list[bytes]) -> None:
    """Deliver as Meta does: again until the answer is 200."""
    connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=10)
    for raw in deliveries:
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": bodies.sign(raw, APP_SECRET)}
        while True:
            connection.request("POST", "/whatsapp/webhook", raw, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                break
            assert answer.status == 503, answer.status
        time.sleep(0.005)


def kill_at_random(rig: Rig, workers: list[int]) -> None:
    rng = random.Random(7)
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.1, 0.6))
        victim = workers.pop(rng.randrange(len(workers)))
        rig.kill(victim)
        workers.append(rig.start_worker())


def judge(rig: Rig, wanted: int) -> None:
    """Compare what was asked for with what the vendor saw."""
    said: dict[str, list[str]] = defaultdict(list)
    for entry in rig.ledger():
        said[entry["to"]].append(entry["body"]["text"]["body"])
    expected = [f"echo say {number}" for number in range(PER_CONTACT)]
    doubled = sum(len(texts) - len(set(texts)) for texts in said.values())
    lost = wanted - sum(len(set(texts)) for texts in said.values())
    disordered = [to for to, texts in said.items() if list(dict.fromkeys(texts)) != expected]
    assert (lost, doubled, disordered) == (0, 0, [])
    found = rig.task("report")
    assert found["receipts"] == found["inbound"] == found["executions"] == found["outbound"] == wanted
    assert found["dead_work"] == []
