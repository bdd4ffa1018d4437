"""Names of state variables that nodes write."""

from typing import Any, Final

from chatboost.core.interpolation import InterpolationError, parse_path
from flows.engine.problems import Problem, error

STATE: Final = "state"
# The variable that the engine provides. Only flows that read it pay for writing the time as text.
CLOCK_VARIABLE: Final = "current_time"


def check(value: Any, path: str) -> list[Problem]:
    """List what is wrong with the name of a variable to write, such as `state.answer`."""
    try:
        keys = parse_path(value).keys if isinstance(value, str) else ()
    except InterpolationError:
        keys = ()
    if len(keys) < 2 or keys[0] != STATE:
        return [error(path, "bad_variable", "Name a variable such as state.answer.")]
    if keys[1] == CLOCK_VARIABLE:
        return [error(path, "reserved_variable", f"state.{CLOCK_VARIABLE} is the current time.")]
    return []


def keys_of(value: str) -> tuple[str, ...]:
    """Return the keys below `state` of a checked name."""
    return parse_path(value).keys[1:]


def beside(keys: tuple[str, ...], suffix: str) -> tuple[str, ...]:
    """Return the keys of a variable's companion: `answer` and `_id` make `answer_id`."""
    return (*keys[:-1], f"{keys[-1]}_{suffix}")
