"""Counters that lose nothing, and signs of life that never go back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chatboost.core import clock, pulse
from chatboost.core.models import Counter, Heartbeat
from tests.core import racing

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.django_db
def test_count_adds_up_by_name() -> None:
    for by in (1, 2, 40):
        pulse.count("fenced", by)
    pulse.count("expired")

    assert pulse.values() == {"fenced": 43, "expired": 1}


@pytest.mark.django_db
def test_age_is_how_long_ago_the_part_did_its_last_round() -> None:
    for at in (NOON, NOON + MINUTE):
        with clock.frozen(at):
            pulse.beat("sweep")

    with clock.frozen(NOON + 3 * MINUTE):
        assert (pulse.age("sweep"), pulse.age("beat")) == (2 * MINUTE, None)


@pytest.mark.django_db
def test_beat_of_a_slow_process_does_not_hide_a_newer_one() -> None:
    for at in (NOON + MINUTE, NOON):
        with clock.frozen(at):
            pulse.beat("sweep")

    assert pulse.ages(NOON + MINUTE) == {"sweep": timedelta(0)}


@pytest.fixture(params=racing.DATABASES)
def database(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_db_blocker: Any,
) -> Iterator[None]:
    if request.param == "postgresql":
        yield
        return
    with racing.sqlite_file(tmp_path, monkeypatch, django_db_blocker, [Counter, Heartbeat]):
        yield


@pytest.mark.usefixtures("database")
def test_counts_of_many_threads_at_once_are_all_there() -> None:
    racing.in_threads([lambda: pulse.count("fenced")] * 200, threads=20)

    assert racing.in_threads([pulse.values]) == [{"fenced": 200}]
