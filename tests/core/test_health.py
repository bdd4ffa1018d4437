"""Health: alive means the process answers, ready means the work gets done."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from chatboost.core import clock, health, pulse
from chatboost.core.models import Heartbeat, WorkItem, WorkState
from tests.core.cache_server import CacheServer, cache_server
from tests.core.processes import needs_valkey

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
# The checks run in threads, on connections of their own: they see what is committed.
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def swept(transactional_db: None) -> None:
    pulse.beat("sweep")


def ready() -> HttpResponse:
    return Client().get("/readyz")


def checks() -> Any:
    return ready().json()["checks"]


def beat(part: str, *, ago: timedelta) -> None:
    Heartbeat.objects.update_or_create(name=part, defaults={"beat_at": clock.now() - ago})


def waiting(*, since: timedelta, **fields: Any) -> None:
    given = {"kind": "test.late", "subject_id": 1, "queue": "interactive", "state": WorkState.READY}
    WorkItem.objects.create(run_at=clock.now() - since, **(given | fields))


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/livez", "/livez/"])
def test_livez_answers_without_asking_the_database(
    path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = Client().get(path)

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@committed
@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("path", ["/readyz", "/readyz/"])
def test_readyz_of_a_healthy_installation_is_ok(path: str) -> None:
    answer = Client().get(path)

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"database": "ok", "work": "ok", "sweep": "ok", "cache": "ok"},
    }


@committed
@pytest.mark.usefixtures("swept")
def test_readyz_with_work_long_overdue_is_unavailable() -> None:
    waiting(since=2 * MINUTE)

    answer = ready()

    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["checks"]["work"] == "oldest due work is late"


@committed
@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize(
    "fields",
    [
        {"since": timedelta(seconds=30)},
        {"since": -MINUTE},
        {"since": 2 * MINUTE, "state": WorkState.DEAD},
        {"since": 2 * MINUTE, "state": WorkState.SCHEDULED},
        {"since": 2 * MINUTE, "state": WorkState.LEASED},
        {"since": 2 * MINUTE, "queue": "retired"},
    ],
)
def test_readyz_with_work_that_is_nobodys_fault_is_ok(fields: dict[str, Any]) -> None:
    waiting(**fields)

    assert ready().status_code == 200


@committed
@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize(
    "head",
    [{"since": -MINUTE}, {"since": 2 * MINUTE, "state": WorkState.LEASED}],
    ids=["deferred", "running"],
)
def test_readyz_with_work_behind_the_head_of_its_lane_is_ok(head: dict[str, Any]) -> None:
    waiting(lane="send:1", **head)
    waiting(lane="send:1", since=2 * MINUTE)

    assert ready().status_code == 200

    waiting(lane="send:2", since=2 * MINUTE)
    assert checks()["work"] == "oldest due work is late"


@committed
def test_readyz_before_the_first_sweep_is_starting() -> None:
    answer = ready()

    assert (answer.status_code, answer.json()["checks"]["sweep"]) == (503, "starting")


@committed
@pytest.mark.parametrize(("ago", "verdict"), [(25 * SECOND, "ok"), (35 * SECOND, "late")])
def test_readyz_is_red_when_nobody_sweeps_for_half_a_minute(ago: timedelta, verdict: str) -> None:
    beat("sweep", ago=ago)

    assert checks()["sweep"] == verdict


@committed
@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize(
    ("part", "ago", "verdict"),
    [
        ("beat", 55 * SECOND, "ok"),
        ("beat", 65 * SECOND, "late"),
        ("worker", 115 * SECOND, "ok"),
        ("worker", 125 * SECOND, "late"),
    ],
)
def test_readyz_where_celery_works_needs_beat_and_worker(
    settings: Settings, part: str, ago: timedelta, verdict: str
) -> None:
    settings.WORK_CELERY_QUEUES = ["media"]
    beat(part, ago=ago)

    assert checks()[part] == verdict


@committed
@pytest.mark.usefixtures("swept")
def test_readyz_where_celery_works_needs_the_broker(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WORK_CELERY_QUEUES = ["media"]
    monkeypatch.setattr(health.current_app.conf, "broker_write_url", "redis://127.0.0.1:1/0", raising=False)

    answer = ready()

    assert (answer.status_code, answer.json()["checks"]["broker"]) == (503, "unavailable")


@pytest.fixture
def database_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, django_db_blocker: Any) -> Iterator[None]:
    """Have new threads connect to a file in a folder that does not exist."""
    path = tmp_path / "gone" / "db.sqlite3"
    away = connections.configure_settings({"default": {"ENGINE": "chatboost.core.db.sqlite", "NAME": path}})
    monkeypatch.setitem(connections.settings, "default", away["default"])
    with django_db_blocker.unblock():
        yield


@pytest.mark.usefixtures("database_away")
def test_readyz_without_the_database_says_so_and_no_more() -> None:
    answer = ready()

    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "unavailable")
    assert answer.json()["checks"]["sweep"] == "unavailable"
    assert "gone" not in answer.content.decode()


@committed
@pytest.mark.usefixtures("swept")
def test_readyz_without_the_cache_says_so(settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

    answer = ready()

    assert (answer.status_code, answer.json()["checks"]["cache"]) == (503, "unavailable")


@pytest.fixture
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    with cache_server(tmp_path_factory.mktemp("c")) as running:
        settings.CACHES = running.caches()
        yield running


@committed
@needs_valkey
@pytest.mark.usefixtures("swept")
def test_readyz_answers_in_time_when_the_cache_hangs(server: CacheServer) -> None:
    server.freeze()
    started = time.monotonic()

    assert checks() == {"database": "ok", "work": "ok", "sweep": "ok", "cache": "unavailable"}
    assert time.monotonic() - started < 2


@committed
@pytest.mark.usefixtures("swept")
def test_readyz_answers_in_time_when_the_database_hangs_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()
    monkeypatch.setattr(health.pulse, "ages", lambda now: released.wait(30) and {})
    monkeypatch.setattr(health, "DEADLINE", timedelta(seconds=0.1))
    monkeypatch.setattr(health, "_threads", threading.BoundedSemaphore(3))
    started = time.monotonic()
    answers = [checks()["database"] for _ in range(6)]
    threads = [thread for thread in threading.enumerate() if thread.name == "readyz_database"]
    released.set()
    for thread in threads:
        thread.join(10)

    assert answers == ["unavailable"] * 6
    assert time.monotonic() - started < 10
    assert len(threads) <= 3


@committed
@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_never_cached_and_only_read(path: str) -> None:
    assert "no-store" in Client().get(path)["Cache-Control"]
    assert Client().post(path).status_code == 405
