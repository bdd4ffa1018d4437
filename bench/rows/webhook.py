"""Webhook ingestion: signed, parsed, one durable insert a message; real servers, real sockets."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from bench import services
from bench.harness import Contender, Figures, Line, Row, Target

OURS, OURS_ONE = "ChatBoost, 2 processes", "ChatBoost, 1 process"
GRANIAN, GUNICORN = "Django on granian", "Django on gunicorn gthread"
FASTAPI = "FastAPI + SQLAlchemy"
FLOOR = "raw ASGI + HMAC"
NUMBER = "100000000000009"
RECEIPTS = """
CREATE TABLE receipts (
    id bigserial PRIMARY KEY, wamid varchar(255) NOT NULL, payload jsonb NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX receipts_wamid ON receipts (wamid)
"""
_tags = count(1)


def row() -> Row:
    """Declare the row."""
    peers = (GRANIAN, GUNICORN, FASTAPI)
    job = "Webhook, signed, parsed, one durable insert"
    return Row(
        "webhook",
        (
            Line(
                job=job,
                metric="rate",
                unit="req/s",
                ours=OURS,
                peers=peers,
                floor=FLOOR,
                targets=(Target("peer", 2.0),),
            ),
            Line(
                job=f"{job}, by 1 process",
                metric="rate",
                unit="req/s",
                ours=OURS_ONE,
                peers=peers,
                floor=FLOOR,
            ),
            Line(
                job=f"{job}: p99",
                metric="p99",
                unit="ms, lower is better",
                ours=OURS,
                peers=peers,
                floor=FLOOR,
                targets=(Target("peer", 1.0),),
                is_lower_better=True,
            ),
        ),
        _contenders,
    )


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    """Start all servers; on the way out compare each one's rows with its 200s."""
    accepted: dict[str, int] = {}
    with ExitStack() as stack:
        ours, theirs = _databases(stack)
        made = []
        for name, (command, environment) in _servers(ours, theirs).items():
            port = services.free_port()
            full = [word.replace("PORT", str(port)) for word in command]
            stack.enter_context(services.process(*full, environment=environment, port=port))
            accepted[name] = 0
            made.append(Contender(name, partial(_load, name, port, accepted)))
        yield made
        _check(accepted, ours, theirs)


def _databases(stack: ExitStack) -> tuple[dict[str, str], dict[str, str]]:
    ours = {
        name: stack.enter_context(services.database(f"bench_webhook_{place}", is_product=True))
        for place, name in enumerate((OURS, OURS_ONE))
    }
    for url in ours.values():
        services.run(services.python("-m", "bench.peers.webhook_seed"), services.product_environment(url))
    theirs = {
        name: stack.enter_context(services.database(f"bench_webhook_peer_{place}"))
        for place, name in enumerate((GRANIAN, GUNICORN, FASTAPI))
    }
    for url in theirs.values():
        services.execute(url, RECEIPTS)
    return ours, theirs


def _servers(
    ours: Mapping[str, str], theirs: Mapping[str, str]
) -> dict[str, tuple[list[str], dict[str, str]]]:
    plain = {**os.environ, "WHATSAPP_APP_SECRET": services.APP_SECRET}
    uvicorn = [*_tool("uvicorn"), "--port", "PORT", "--log-level", "warning", "--no-access-log"]
    product = [*uvicorn, "--lifespan", "off", "--ws-max-size", "65536", "chatboost.asgi:application"]
    django = "bench.peers.webhook_django:application"
    granian = [*_tool("granian"), "--interface", "wsgi", "--port", "PORT", "--workers", "2"]
    gunicorn = [*_tool("gunicorn"), "--bind", "127.0.0.1:PORT", "--worker-class", "gthread"]
    return {
        FLOOR: ([*uvicorn, "--workers", "2", "bench.peers.webhook_floor:application"], plain),
        GRANIAN: (
            [*granian, "--blocking-threads", "8", "--no-ws", "--log-level", "warning", django],
            plain | {"DATABASE_URL": theirs[GRANIAN]},
        ),
        GUNICORN: (
            [*gunicorn, "--workers", "2", "--threads", "16", "--keep-alive", "30", django],
            plain | {"DATABASE_URL": theirs[GUNICORN]},
        ),
        FASTAPI: (
            [*uvicorn, "--workers", "2", "bench.peers.webhook_fastapi:application"],
            plain | {"DATABASE_URL": theirs[FASTAPI]},
        ),
        OURS_ONE: (product, services.product_environment(ours[OURS_ONE], DB_POOL="1")),
        OURS: ([*product, "--workers", "2"], services.product_environment(ours[OURS], DB_POOL="1")),
    }


def _tool(name: str) -> list[str]:
    return [str(Path(sys.executable).parent / name)]


def _load(name: str, port: int, accepted: dict[str, int], seconds: float) -> Figures:
    command = services.python("-m", "bench.load", "--port", str(port), "--number", NUMBER)
    options = ("--tag", f"t{next(_tags)}x", "--seconds", str(seconds))
    told = json.loads(services.run((*command, *options), os.environ))
    if set(told["statuses"]) != {"200"}:
        raise RuntimeError(f"{name} answered {told['statuses']}")
    accepted[name] += told["statuses"]["200"]
    return {"rate": told["rate"], "p50": told["p50"], "p99": told["p99"]}


def _check(accepted: Mapping[str, int], ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
    """A 200 that left no row was a lie, whoever told it."""
    stored = {
        **{
            name: services.count(url, "SELECT count(*) FROM messaging_webhookreceipt")
            for name, url in ours.items()
        },
        **{name: services.count(url, "SELECT count(*) FROM receipts") for name, url in theirs.items()},
    }
    wrong = {name: (rows, accepted[name]) for name, rows in stored.items() if rows != accepted[name]}
    if wrong:
        raise RuntimeError(f"rows stored and 200s differ: {wrong}")
