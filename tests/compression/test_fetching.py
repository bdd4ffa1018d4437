"""Fetching: what a Retry-After means, and which private place may be called."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from chatboost.core import clock
from compression import demo_pictures, fetching

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("99999999999999", 3600),
        ("Sun, 29 Nov 2026 12:00:30 GMT", 30),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 29 Nov 2027 12:00:00 GMT", 3600),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("١٢", None),
    ],
)
def test_retry_after_is_read_and_cut(text: str, seconds: int | None) -> None:
    with clock.frozen(NOW):
        expected = None if seconds is None else timedelta(seconds=seconds)
        assert fetching.retry_after(text) == expected


def test_demo_opens_its_own_pictures_and_nothing_else(settings: Settings) -> None:
    settings.COMPRESSION_DEMO_PICTURES, settings.PORT = True, 8123
    own = f"http://127.0.0.1:8123{demo_pictures.PATH}"
    assert demo_pictures.is_own(f"{own}{demo_pictures.name_of(3)}")
    for other in (f"{own}../../metrics", f"{own}other.jpg", "http://127.0.0.1:8123/metrics", own):
        assert not demo_pictures.is_own(other)


def test_without_the_setting_the_demo_opens_nothing(settings: Settings) -> None:
    settings.PORT = 8123
    assert not demo_pictures.is_own(f"http://127.0.0.1:8123{demo_pictures.PATH}{demo_pictures.name_of(3)}")
