"""Downloads: what a Retry-After means."""

from datetime import UTC, datetime, timedelta

import pytest

from chatboost.core import clock
from chatboost.core.http import downloads

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
        assert downloads.retry_after(text) == expected
