"""Deliveries without end: several clients post for a while, each as fast as it is answered."""

import http.client
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.fakes import whatsapp_webhooks as bodies
from tests.rig import APP_SECRET, Rig
from tests.rig_load import START

# Far from the people of `tests.rig_load`.
FIRST_CONTACT = 1_000_000
PEOPLE_OF_EACH = 20


@dataclass
class Stream:
    """Signed messages of many people, and how they were answered."""

    phone_number_id: str
    clients: int
    # Between two deliveries of a client, in seconds.
    pause: float = 0.0
    seconds: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    lost_connections: int = 0
    # Texts that were answered 200, by sender, in order.
    taken: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _is_over: threading.Event = field(default_factory=threading.Event)
    _is_given_up: threading.Event = field(default_factory=threading.Event)

    @property
    def wanted(self) -> int:
        """How many messages were answered 200."""
        return sum(map(len, self.taken.values()))

    @contextmanager
    def running(self, rig: Rig) -> Iterator[None]:
        """Deliver meanwhile; at the end, each client has its last delivery answered with 200."""
        threads = [
            threading.Thread(target=self._deliver, args=(rig, client), daemon=True)
            for client in range(self.clients)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
            self._is_over.set()
            for thread in threads:
                thread.join(60)
                assert not thread.is_alive(), "a delivery is never answered with 200"
        finally:
            self._is_over.set()
            self._is_given_up.set()

    def expected(self) -> dict[str, list[str]]:
        """Return what each contact must be told, in order; as `Load` does."""
        return {phone: [f"echo {text}" for text in texts] for phone, texts in self.taken.items()}

    def percentile(self, share: float) -> float:
        """Return within how many seconds so many of the deliveries were answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def _deliver(self, rig: Rig, client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=30)
        number = 0
        while not self._is_over.is_set():
            contact = FIRST_CONTACT + client * PEOPLE_OF_EACH + number % PEOPLE_OF_EACH
            sender, text = f"1555{contact:07d}", f"say {client} {number}"
            raw = self._body(sender, text, number)
            while not self._post(connection, raw):
                if self._is_given_up.wait(0.1):
                    return
            self.taken[sender].append(text)
            number += 1
            time.sleep(self.pause)

    def _body(self, sender: str, text: str, number: int) -> bytes:
        message = bodies.text_message(
            sender=sender, wamid=f"wamid.stream.{sender}.{number}", text=text, timestamp=START + number
        )
        return bodies.encode(bodies.delivery(self.phone_number_id, messages=[message]))

    def _post(self, connection: http.client.HTTPConnection, raw: bytes) -> bool:
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": bodies.sign(raw, APP_SECRET)}
        began = time.monotonic()
        try:
            connection.request("POST", "/whatsapp/webhook", raw, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self.lost_connections += 1
            return False
        self.seconds.append(time.monotonic() - began)
        self.answers[answer.status] += 1
        return answer.status == 200
