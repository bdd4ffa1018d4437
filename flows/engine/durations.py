"""Durations as operators write them: `{"duration": 5, "unit": "minutes"}`."""

import math
from datetime import timedelta
from typing import Any, Final, TypeGuard

from flows.engine.placeholders import join
from flows.engine.problems import Problem, error

_MIN: Final = 1
_MAX: Final = 400 * 86400
_SECONDS: Final[dict[str, int]] = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


def check(config: dict[str, Any], path: str = "") -> list[Problem]:
    """List what is wrong with a duration."""
    duration, seconds = config.get("duration"), _seconds(config.get("unit"))
    problems = []
    if seconds is None:
        problems.append(error(join(path, "unit"), "bad_unit", f"A unit is one of {', '.join(_SECONDS)}."))
    if not _is_amount(duration) or not _MIN <= duration * (seconds or 1) <= _MAX:
        problems.append(error(join(path, "duration"), "bad_duration", "A wait lasts 1 second to 400 days."))
    return problems


def read(config: dict[str, Any]) -> timedelta:
    """Return a checked duration."""
    return timedelta(seconds=config["duration"] * _SECONDS[config["unit"]])


def _seconds(unit: object) -> int | None:
    return _SECONDS.get(unit) if isinstance(unit, str) else None


def _is_amount(value: object) -> TypeGuard[int | float]:
    return type(value) is int or (type(value) is float and math.isfinite(value))
