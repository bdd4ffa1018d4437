"""Health: alive means the process answers, ready means the work gets done."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState

MINUTE = timedelta(minutes=1)


def ready() -> HttpResponse:
    return Client().get("/readyz")


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


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/readyz", "/readyz/"])
def test_readyz_of_a_healthy_installation_is_ok(path: str) -> None:
    answer = Client().get(path)

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "cache": "ok", "work": "ok"}}


@pytest.mark.django_db
def test_readyz_with_work_long_overdue_is_unavailable() -> None:
    waiting(since=2 * MINUTE)

    answer = ready()

    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["checks"]["work"] == "oldest due work is late"


@pytest.mark.django_db
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


@contextmanager
def database_away() -> Iterator[None]:
    def refuse(*arguments: Any) -> Any:
        raise OperationalError("could not connect to 10.0.0.7 as chatboost")

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.django_db
def test_readyz_without_the_database_says_so_and_no_more() -> None:
    with database_away():
        answer = ready()

    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "unavailable")
    assert "10.0.0.7" not in answer.content.decode()


@pytest.mark.django_db
def test_readyz_without_the_cache_says_so(settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

    answer = ready()

    assert (answer.status_code, answer.json()["checks"]["cache"]) == (503, "unavailable")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_never_cached_and_only_read(path: str) -> None:
    assert "no-store" in Client().get(path)["Cache-Control"]
    assert Client().post(path).status_code == 405
