"""Work kinds of the rig, plain ones that are counted and ones that do harm, and its tick."""

import os
from collections.abc import Sequence
from datetime import timedelta

from chatboost.core import pulse, ticks
from chatboost.core.work import kinds
from chatboost.core.work.kinds import BatchKind, Item

# What the container would allow, and far more than a worker needs.
GREED_BYTES = 2 * 1024**3
BITE_BYTES = 32 * 1024**2


class NoteKind(BatchKind[None, int]):
    """Counts each subject, in the transaction that finishes it: 1 is done, 2 is doubled."""

    name = "rig.note"

    def load(self, items: Sequence[Item]) -> None:
        return None

    def apply(self, item: Item, context: None) -> int:
        return item.subject_id

    def save(self, results: Sequence[int], context: None) -> None:
        for subject in results:
            pulse.count(f"rig:{subject}")


class RaiseKind(NoteKind):
    """Always raises."""

    name = "rig.raise"

    def apply(self, item: Item, context: None) -> int:
        raise RuntimeError("poison")


class FlakyKind(NoteKind):
    """Raises the first time."""

    name = "rig.flaky"

    def apply(self, item: Item, context: None) -> int:
        if not item.error_count:
            raise RuntimeError("not yet")
        return item.subject_id


class ExitKind(NoteKind):
    """Ends the process."""

    name = "rig.exit"

    def apply(self, item: Item, context: None) -> int:
        os._exit(3)


class EatKind(NoteKind):
    """Eats memory until somebody stops it."""

    name = "rig.eat"

    def apply(self, item: Item, context: None) -> int:
        eaten = [bytearray(os.urandom(1) * BITE_BYTES) for _ in range(GREED_BYTES // BITE_BYTES)]
        raise RuntimeError(f"nobody minded {len(eaten)} bites")


for kind in (NoteKind(), RaiseKind(), FlakyKind(), ExitKind(), EatKind()):
    kinds.register(kind)
# Its slots come by often enough to be stopped in.
ticks.declare("rig", run=lambda now: False, every=timedelta(seconds=1))
