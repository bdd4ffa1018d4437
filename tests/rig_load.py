"""Load and judgement for proofs: a plan of signed deliveries, and what became of them."""

import http.client
import itertools
import random
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fakes import whatsapp_webhooks as bodies
from tests.rig import APP_SECRET, Rig, await_true

COPIES = 3
SENDERS = 4
START = int(time.time()) - 3600


@dataclass
class Load:
    """Messages of many contacts, each delivered three times by several senders, as a vendor does."""

    phone_number_id: str
    contacts: int
    per_contact: int
    word: str = "say"
    first_contact: int = 0
    # Slower, so that the load lasts as long as what is done to the product.
    pause: float = 0.005
    # How long each delivery took that was answered 200, and every other answer.
    seconds: list[float] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    lost_connections: int = 0

    @property
    def wanted(self) -> int:
        """How many messages there are."""
        return self.contacts * self.per_contact

    def start(self, rig: Rig) -> list[threading.Thread]:
        """Begin to deliver; the threads end when everything was answered 200."""
        threads = [
            threading.Thread(target=self._deliver, args=(rig, share), daemon=True) for share in range(SENDERS)
        ]
        for thread in threads:
            thread.start()
        return threads

    def expected(self) -> dict[str, list[str]]:
        """Return what each contact must be told, in order."""
        return {
            _phone(contact): [f"echo {self.word} {number}" for number in range(self.per_contact)]
            for contact in range(self.first_contact, self.first_contact + self.contacts)
        }

    def _deliver(self, rig: Rig, share: int) -> None:
        """Deliver a share: again until the answer is 200."""
        connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=10)
        for raw in self._plan(share):
            headers = {
                "Content-Type": "application/json",
                "X-Hub-Signature-256": bodies.sign(raw, APP_SECRET),
            }
            while not self._post(connection, raw, headers):
                time.sleep(0.1)
            time.sleep(self.pause)

    def _post(self, connection: http.client.HTTPConnection, raw: bytes, headers: dict[str, str]) -> bool:
        began = time.monotonic()
        try:
            connection.request("POST", "/whatsapp/webhook", raw, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self.lost_connections += 1
            return False
        if answer.status != 200:
            self.refusals.append(answer.status)
            return False
        self.seconds.append(time.monotonic() - began)
        return True

    def _plan(self, share: int) -> list[bytes]:
        """Return a share's deliveries, each three times: firsts in order, copies anywhere after them."""
        rng = random.Random(share)
        ids = range(self.first_contact + share, self.first_contact + self.contacts, SENDERS)
        streams = [self._stream(contact, rng) for contact in ids]
        merged: list[bytes] = []
        while streams:
            stream = rng.choice(streams)
            merged.append(stream.pop(0))
            if not stream:
                streams.remove(stream)
        return merged

    def _stream(self, contact: int, rng: random.Random) -> list[bytes]:
        firsts = [self._body(contact, number) for number in range(self.per_contact)]
        stream = list(firsts)
        for first in firsts:
            for _ in range(COPIES - 1):
                stream.insert(rng.randint(stream.index(first) + 1, len(stream)), first)
        return stream

    def _body(self, contact: int, number: int) -> bytes:
        message = bodies.text_message(
            sender=_phone(contact),
            wamid=f"wamid.{self.word}.{contact}.{number}",
            text=f"{self.word} {number}",
            timestamp=START + number,
        )
        return bodies.encode(bodies.delivery(self.phone_number_id, messages=[message]))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a vendor saw, against the plan. What was unclear twice is no loss: it is listed for a person."""

    lost: int
    doubled: int
    disordered: int


def judge(rig: Rig, loads: Sequence[Load]) -> Verdict:
    """Compare what was asked for with what the vendor saw."""
    said: dict[str, list[str]] = defaultdict(list)
    for entry in rig.ledger():
        said[entry["to"].lstrip("+")].append(entry["body"]["text"]["body"])
    listed = {(phone.lstrip("+"), text) for phone, text in rig.task("report")["listed"]}
    lost = doubled = disordered = 0
    for load in loads:
        for phone, texts in load.expected().items():
            heard = [text for text in said[phone] if text in texts]
            lost += sum((phone, text) not in listed for text in set(texts) - set(heard))
            doubled += len(heard) - len(set(heard))
            disordered += list(dict.fromkeys(heard)) != [text for text in texts if text in heard]
    return Verdict(lost, doubled, disordered)


def await_all_sent(rig: Rig, wanted: int, *, patience: float = 60) -> float:
    """Wait until the vendor has accepted so many messages; returns how many seconds it took.

    What dies in its call a second time is not sent again: it counts once it is listed.
    """
    began = time.monotonic()
    looks = itertools.count(1)

    def is_all_sent() -> bool:
        missing = wanted - len(rig.ledger())
        # To ask the database takes a process: once in a while.
        return missing <= 0 or (next(looks) % 20 == 0 and missing <= len(rig.task("report")["listed"]))

    await_true(is_all_sent, patience, f"not all of {wanted} were sent within {patience:.0f} s")
    return time.monotonic() - began


def await_no_work(rig: Rig, *, patience: float = 60) -> None:
    """Wait until nothing is owed any more, dead letters apart; no row may point into another organization."""
    await_true(lambda: rig.task("report")["open_work"] == 0, patience, "work was left over")
    assert rig.task("report")["crossings"] == {}


def _phone(contact: int) -> str:
    return f"1555{contact:07d}"
