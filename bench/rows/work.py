"""Work through Celery and Redis: items put in line and done, by real workers, until none is left."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bench import services
from bench.harness import Contender, Figures, Line, Row, Target

OURS = "ChatBoost, state in PostgreSQL"
CELERY, HUEY = "Celery, a task an item", "huey, a task an item"
FLOOR = "Celery, batches of 100 ids"
PER_SECOND = {OURS: 10_000, CELERY: 1_000, HUEY: 3_000, FLOOR: 60_000}
WORKERS = "2"
BATCH, ENQUEUED_AT_ONCE = 100, 1000
TIMEOUT = 120.0


def row() -> Row:
    """Declare the row."""
    job = "Work through Celery + Redis, per-item state in the database"
    return Row(
        "work", (_line(job, CELERY, Target("peer", 20.0)), _line(f"{job}, beside huey", HUEY)), _contenders
    )


def _line(job: str, peer: str, *targets: Target) -> Line:
    """Compare with one of them: the target is about a Celery task an item, huey is for the eye."""
    return Line(
        job=job, metric="rate", unit="items/s", ours=OURS, peers=(peer,), floor=FLOOR, targets=targets
    )


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    with ExitStack() as stack:
        url = stack.enter_context(services.database("bench_work", is_product=True))
        peer_redis = _redis(os.environ["REDIS_URL"], 5)
        os.environ["PEER_REDIS_URL"] = peer_redis
        celery = [str(Path(sys.executable).parent / "celery")]
        worker = ["worker", "--pool", "prefork", "-c", WORKERS, "--loglevel", "error", "--without-gossip"]
        worker += ["--without-mingle"]
        stack.enter_context(services.process(*celery, "-A", "bench.peers.work_celery", *worker, "-Q", "peer"))
        huey = [str(Path(sys.executable).parent / "huey_consumer"), "bench.peers.work_huey.huey"]
        stack.enter_context(services.process(*huey, "-w", WORKERS, "-k", "process", "-q"))
        ours = services.product_environment(url, REDIS_URL=_redis(os.environ["REDIS_URL"], 0))
        stack.enter_context(
            services.process(
                *(*celery, "-A", "bench.peers.work_ours", *worker, "-Q", "maintenance"), environment=ours
            )
        )
        services.setup_django(url)
        yield _ways(peer_redis)


def _ways(peer_redis: str) -> list[Contender]:
    import redis

    from bench.peers import work_celery, work_huey

    broker = redis.Redis.from_url(peer_redis)

    def is_celery_idle() -> bool:
        return not broker.llen("peer") and not broker.hlen("unacked")

    def is_huey_idle() -> bool:
        return work_huey.huey.pending_count() == 0

    def put_batches(number: int) -> None:
        for start in range(0, number, BATCH):
            work_celery.batch.delay(list(range(start, start + BATCH)))

    def put_each(task: Callable[[int], Any]) -> Callable[[int], None]:
        return lambda number: [task(one) for one in range(number)] and None

    return [
        Contender(FLOOR, partial(_measure, FLOOR, put_batches, is_celery_idle)),
        Contender(CELERY, partial(_measure, CELERY, put_each(work_celery.item.delay), is_celery_idle)),
        Contender(HUEY, partial(_measure, HUEY, put_each(work_huey.item), is_huey_idle)),
        Contender(OURS, partial(_measure, OURS, _put_ours, _is_ours_idle)),
    ]


def _put_ours(number: int) -> None:
    from django.db import transaction

    from bench.peers.work_ours import NAME, QUEUE
    from chatboost.core.work import queue

    for start in range(0, number, ENQUEUED_AT_ONCE):
        ids = range(start, min(start + ENQUEUED_AT_ONCE, number))
        with transaction.atomic():
            queue.enqueue_many(
                queue.Order(kind=NAME, subject_id=one, organization_id=1, queue=QUEUE) for one in ids
            )


def _is_ours_idle() -> bool:
    from chatboost.core.models import WorkItem

    return not WorkItem.objects.exists()


def _measure(name: str, put: Callable[[int], None], is_idle: Callable[[], bool], seconds: float) -> Figures:
    """Time from the first item put in line to the last one gone."""
    number = int(PER_SECOND[name] * seconds) // BATCH * BATCH
    began = time.perf_counter()
    put(number)
    while not is_idle():
        if time.perf_counter() - began > TIMEOUT:
            raise TimeoutError(f"{name}: {number} items are not done after {TIMEOUT:g} s")
        time.sleep(0.005)
    return {"rate": number / (time.perf_counter() - began)}


def _redis(url: str, number: int) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))
