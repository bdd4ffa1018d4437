"""Inbound message to queued reply: the whole pipeline on PostgreSQL, keyword trigger and three nodes."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

from bench import services
from bench.harness import Contender, Figures, Line, Row, Target

OURS, OURS_SINGLE = "ChatBoost, batched", "ChatBoost, one by one"
NAIVE = "naive ORM, a transaction a message"
FLOOR = "bare driver, 100 a transaction"
BATCHED_PER_SECOND, SINGLE_PER_SECOND, FLOOR_PER_SECOND = 1000, 100, 4000
_tags = count(1)


def row() -> Row:
    """Declare the row."""
    job = "Inbound message → reply queued"
    return Row(
        "pipeline",
        (
            Line(
                job=f"{job}, batched",
                metric="rate",
                unit="msg/s",
                ours=OURS,
                peers=(NAIVE,),
                floor=FLOOR,
                targets=(Target("peer", 20.0),),
            ),
            Line(
                job=f"{job}, one by one",
                metric="rate",
                unit="msg/s",
                ours=OURS_SINGLE,
                peers=(NAIVE,),
                floor=FLOOR,
                targets=(Target("peer", 5.0),),
            ),
        ),
        _contenders,
    )


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    with services.database("bench_pipeline", is_product=True) as url:
        # The guard against loops looks, and finds nothing: each round brings everybody another message.
        services.setup_django(url, BOT_MESSAGES_LIMIT="1000")
        from django.db import connection

        from bench.peers import pipeline

        channel = pipeline.seed()
        naive, bare = pipeline.naive(channel), pipeline.bare(url)
        yield [
            Contender(FLOOR, partial(_measure_plain, pipeline, channel, bare, FLOOR_PER_SECOND)),
            Contender(NAIVE, partial(_measure_plain, pipeline, channel, naive, SINGLE_PER_SECOND)),
            Contender(OURS, partial(_measure_ours, pipeline, channel, "ours_batched", BATCHED_PER_SECOND)),
            Contender(
                OURS_SINGLE, partial(_measure_ours, pipeline, channel, "ours_single", SINGLE_PER_SECOND)
            ),
        ]
        connection.close()


def _measure_ours(pipeline: Any, channel: Any, way: str, per_second: int, seconds: float) -> Figures:
    number = max(1, int(per_second * seconds))
    pipeline.store(channel, pipeline.arrivals(channel, number, f"{way}{next(_tags)}"))
    before = pipeline.replies()
    took = _timed(getattr(pipeline, way))
    if pipeline.replies() - before != number:
        raise RuntimeError(f"{pipeline.replies() - before} replies to {number} messages")
    pipeline.clear()
    return {"rate": number / took}


def _measure_plain(
    pipeline: Any, channel: Any, run: Callable[[Sequence[Any]], None], per_second: int, seconds: float
) -> Figures:
    parts = pipeline.arrivals(channel, max(1, int(per_second * seconds)), f"p{next(_tags)}")
    return {"rate": len(parts) / _timed(lambda: run(parts))}


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
