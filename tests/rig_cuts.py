"""Power cuts at a place of one kind of work, where `work.failpoints` has them of all kinds.

`before`: the intent is committed, the call not made. `after`: the call is made, its outcome not written.
`committed`: the outcome is. Of work that calls nobody: before it is done, before it is committed, after.
"""

import os
import signal
from typing import Any, NoReturn

from chatboost.core.work import failpoints, kinds
from chatboost.core.work.kinds import EffectKind

PLACES = ("before", "after", "committed")


def arm(name: str, place: str) -> None:
    """Have this process end when the kind comes to the place. Raises: ValueError, there is none of either."""
    kind = kinds.get(name)
    if kind is None or place not in PLACES:
        raise ValueError(f"no such place: {name} {place}")
    is_effect = isinstance(kind, EffectKind)
    work, end = ("call", "settle") if is_effect else ("apply", "save")
    if place == "before":
        setattr(kind, work, _die)
    elif place == "after":
        _after(kind, work if is_effect else end, _die)
    else:
        committed = "work.effect_committed" if is_effect else "work.batch_committed"
        _after(kind, end, lambda: failpoints.arm(committed))


def _after(kind: Any, method: str, act: Any) -> None:
    original = getattr(kind, method)

    def replacement(*args: Any) -> Any:
        outcome = original(*args)
        act()
        return outcome

    setattr(kind, method, replacement)


def _die(*_: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("outlived SIGKILL")
