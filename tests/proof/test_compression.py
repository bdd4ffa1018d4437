"""Workers are killed while they compress: every image ends once, its request with one mail and webhook."""

import json
import os
import random
import time
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.fakes.images import ImageHost
from tests.fakes.receiver import WebhookReceiver
from tests.rig import Rig, await_true, database_url, databases, installation

pytestmark = pytest.mark.proof

IS_FULL = os.environ.get("PROOF") == "full"
IMAGES, KILLS = (1000, 50) if IS_FULL else (100, 8)
# Three of ten.
BAD = ("missing", "html", "broken", "forbidden", "empty", "reset", "error", "large", "redirect/4/ok")
EXPECTED = {
    "not_found",
    "not_an_image",
    "damaged",
    "access_refused",
    "empty",
    "no_answer",
    "server_error",
} | {*("too_large", "too_many_redirects", "url_port_refused")}
QUEUES = ("media", "maintenance")


@pytest.mark.parametrize("database", databases() if IS_FULL else databases()[:1])
def test_killed_workers_cost_no_image_and_double_none(database: str, tmp_path: Path) -> None:
    with ImageHost() as host, WebhookReceiver() as hook:
        opened = f"{host.authority},{hook.url.removeprefix('http://').partition('/')[0]}"
        with installation(
            tmp_path,
            database_url(database, tmp_path),
            FETCH_ALLOWED_PRIVATE_HOSTS=opened,
            COMPRESSION_HOST_RATE="",
            # Longer than a child takes to start; kills come a hundred times as often as in life.
            WORK_LEASE_SECONDS="6",
            WORK_MAX_CRASHES="40",
        ) as rig:
            urls = _urls(host)
            rig.task("hand_in", json.dumps(urls), hook.url)
            began = time.monotonic()
            kill_at_random(rig)
            await_true(lambda: not rig.task("compression")["open_work"], 300, "work was left over")
            took = time.monotonic() - began
            found = rig.task("compression")
        bad = sum("/ok/" not in url or "/redirect/" in url for url in urls)
        assert found["state"] == "partial"
        assert found["counts"] == found["counted"]
        assert found["counts"][:2] == [IMAGES - bad, bad]
        assert found["without_file"] == 0
        # Numbers repeat: the same bytes are stored once.
        assert found["files"] == len({url for url in urls if "/ok/" in url and "/redirect/" not in url})
        assert found["errors"].keys() - {""} <= EXPECTED
        assert found["dead_work"] == []
        assert (found["mails"], found["deliveries"]) == (1, ["answered"])
        assert len({call.headers["idempotency-key"] for call in hook.requests}) == 1
        print(
            f"\n{database}: {IMAGES} images, {bad} bad, {KILLS} kills, {took:.0f} s, "
            f"{found['unfinished_files']} files for retention, {sum(host.calls.values())} calls, "
            f"{len(hook.requests)} webhook calls"
        )


def kill_at_random(rig: Rig) -> None:
    """Kill one of two workers again and again; two are left at the end."""
    rng = random.Random(7)
    workers = [rig.start_worker(QUEUES), rig.start_worker(QUEUES)]
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.2, 1.0))
        rig.kill(workers.pop(rng.randrange(len(workers))))
        workers.append(rig.start_worker(QUEUES))


def _urls(host: ImageHost) -> list[str]:
    bad = cycle(BAD)
    urls = []
    for number in range(IMAGES):
        if number % 10 < 7:
            urls.append(host.address(f"ok/{number}.{('jpg', 'png', 'webp')[number % 3]}"))
        elif number % 10 == 7:
            urls.append(f"http://127.0.0.1:9/{number}.jpg")
        else:
            urls.append(host.address(f"{next(bad)}/{number}.jpg"))
    return list(islice(urls, IMAGES))
