"""The clock: this machine's, or PostgreSQL's where the two differ."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from chatboost.core import clock
from chatboost.core.work import sweep


class Database:
    """A connection to a server whose clock is off."""

    def __init__(self, vendor: str, off: timedelta) -> None:
        self.vendor, self.off, self.asked = vendor, off, 0

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        yield self

    def execute(self, sql: str) -> None:
        self.asked += 1

    def fetchone(self) -> tuple[datetime]:
        return (timezone.now() + self.off,)


@pytest.fixture(autouse=True)
def _unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_offset", timedelta())
    monkeypatch.setattr(clock, "_measured_at", float("-inf"))


def off() -> float:
    return (clock.now() - timezone.now()).total_seconds()


@pytest.mark.parametrize("seconds", [-120, 120, 2])
def test_clock_goes_by_a_server_that_is_off(seconds: int) -> None:
    clock.follow(Database("postgresql", timedelta(seconds=seconds)))
    assert off() == pytest.approx(seconds, abs=0.2)


@pytest.mark.parametrize("seconds", [-0.5, 0, 0.5])
def test_clock_that_is_about_right_is_kept(seconds: float) -> None:
    clock.follow(Database("postgresql", timedelta(seconds=seconds)))
    assert off() == pytest.approx(0, abs=0.1)


def test_clock_that_was_put_right_is_followed_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock.follow(Database("postgresql", timedelta(seconds=60)))
    monkeypatch.setattr(clock, "_measured_at", float("-inf"))
    clock.follow(Database("postgresql", timedelta()))
    assert off() == pytest.approx(0, abs=0.1)


def test_answer_that_took_its_time_is_not_gone_by(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        # Any answer takes longer than that.
        patch.setattr(clock, "TOLERANCE", timedelta())
        clock.follow(Database("postgresql", timedelta(seconds=60)))
    assert off() == pytest.approx(0, abs=0.1)
    clock.follow(Database("postgresql", timedelta(seconds=60)))
    assert off() == pytest.approx(60, abs=0.2)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has this machine's clock")
def test_sweep_measures_again_on_a_connection_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_offset", timedelta(seconds=60))
    sweep.sweep(now=clock.now())
    assert off() == pytest.approx(0, abs=0.1)


def test_server_is_asked_twice_a_minute_at_most() -> None:
    server = Database("postgresql", timedelta())
    for _ in range(5):
        clock.follow(server)
    assert server.asked == 1


def test_sqlite_has_this_machines_clock() -> None:
    file = Database("sqlite", timedelta(seconds=60))
    clock.follow(file)
    assert (file.asked, off()) == (0, pytest.approx(0, abs=0.1))


def test_frozen_clock_stands_still_whatever_the_server_says() -> None:
    clock.follow(Database("postgresql", timedelta(seconds=60)))
    at = timezone.now()
    with clock.frozen(at):
        assert clock.now() == at
