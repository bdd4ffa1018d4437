"""Which processes make up the product, and how each is started."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from chatboost.core.supervisor import valkey
from chatboost.core.supervisor.children import ChildSpec
from chatboost.core.supervisor.console import Show

# How long the web server gives open requests and sockets.
WEB_STOPS_WITHIN = timedelta(seconds=5)
CELERY = (sys.executable, "-m", "celery", "-A", "chatboost.celery")


def with_embedded_broker(*, host: str, port: int, server: valkey.Server, binary: Path) -> list[ChildSpec]:
    """Return every process, the embedded Valkey first."""
    web, worker, *rest = with_external_broker(host=host, port=port)
    worker = replace(worker, before_start=lambda: valkey.restore_unacked(server.broker_url))
    clients = [replace(spec, env={**spec.env, **server.env}) for spec in (web, worker, *rest)]
    return [_valkey(server, binary), *clients]


def with_external_broker(*, host: str, port: int) -> list[ChildSpec]:
    """Return web, worker, beat and pump: somebody else runs the broker."""
    address = _address(host, port)
    # Connections are pooled in the web process alone: Celery would rebuild the pool around every task.
    web = ChildSpec(name="web", argv=_web(host, port), env={**address, "DB_POOL": "1"}, show=Show.ALL)
    return [web, *(replace(spec, env={**address, "DB_POOL": "0"}) for spec in (_worker(), _beat(), _pump()))]


def without_broker(*, host: str, port: int) -> list[ChildSpec]:
    """Return the one process that serves and pumps, for systems without an embedded Valkey."""
    env = {**_address(host, port), "CHATBOOST_EMBEDDED_PUMP": "1", "WORK_CELERY_QUEUES": ""}
    argv = _web(host, port, lifespan="on")
    return [ChildSpec(name="web", argv=argv, env=env, show=Show.ALL)]


def _address(host: str, port: int) -> dict[str, str]:
    # So that links made by any process lead here, whatever the command line says.
    return {"PORT": str(port), "BIND": host}


def _web(host: str, port: int, *, lifespan: str = "off") -> Sequence[str]:
    stop_within = str(int(WEB_STOPS_WITHIN.total_seconds()))
    return [
        *(sys.executable, "-m", "uvicorn", "chatboost.asgi:application"),
        *("--host", host, "--port", str(port)),
        *("--lifespan", lifespan, "--timeout-graceful-shutdown", stop_within),
        # It would believe any X-Forwarded-For from this machine; how many proxies to believe is a setting.
        "--no-proxy-headers",
        # No client of /ws has more to say.
        *("--ws-max-size", "65536"),
    ]


def _worker() -> ChildSpec:
    queues = "campaign,media,maintenance"
    options = ["-Q", queues, "-c", "2", "-l", "INFO", "--without-gossip", "--without-mingle"]
    return ChildSpec(name="worker", argv=[*CELERY, "worker", *options])


def _beat() -> ChildSpec:
    # No pid file: there is one `up` per data folder anyway, and a stale file would keep beat from starting.
    return ChildSpec(name="beat", argv=[*CELERY, "beat", "--pidfile=", "-l", "INFO"])


def _pump() -> ChildSpec:
    return ChildSpec(name="pump", argv=[sys.executable, "-m", "django", "pump", "interactive"])


def _valkey(server: valkey.Server, binary: Path) -> ChildSpec:
    return ChildSpec(
        name="valkey",
        argv=server.argv(binary),
        # It logs advice about the machine's kernel; when it fails, its last lines are shown anyway.
        show=Show.NOTHING,
        layer=0,
        grace=timedelta(seconds=10),
        is_ready=server.answers,
    )
