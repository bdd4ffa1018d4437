"""Which ticks there are."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim

Run = Callable[[datetime], bool]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One tick: every so often, or at the times of a cron expression in UTC.

    `run(now)` does one bounded piece of work in the transaction that finishes it, and returns True when more
    remains; then it is run again at once.
    """

    name: str
    run: Run
    every: timedelta | None = None
    at: str | None = None

    @property
    def kind(self) -> str:
        """Name of the work kind that runs it."""
        return f"tick:{self.name}"

    def slot(self, now: datetime) -> datetime:
        """Return the last point in time, not after now, that was due."""
        if self.every is not None:
            return _EPOCH + (now - _EPOCH) // self.every * self.every
        # The iterator looks strictly before its start: begin a minute late, so that this very minute counts.
        start = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        return next(CronSim(str(self.at), start, reverse=True))


_ticks: dict[str, Tick] = {}


def add(tick: Tick) -> None:
    """Note a tick. Raises ValueError when its name is taken, or it says not exactly one of every and at."""
    if tick.name in _ticks:
        raise ValueError(f"tick {tick.name!r} is declared twice")
    if (tick.every is None) == (tick.at is None):
        raise ValueError(f"tick {tick.name!r} needs either `every` or `at`")
    _ticks[tick.name] = tick


def registered() -> dict[str, Tick]:
    """Return every tick by name."""
    return dict(_ticks)


def get(name: str) -> Tick | None:
    """Return the tick of that name."""
    return _ticks.get(name)
