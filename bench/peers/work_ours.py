"""Our worker of the work row: the product's Celery application with one kind of work that does nothing."""

from collections.abc import Sequence

import django

django.setup()

from chatboost.celery import app  # noqa: E402, F401 what `celery -A` looks for
from chatboost.core.work import kinds  # noqa: E402
from chatboost.core.work.kinds import BatchKind, Item  # noqa: E402

NAME = "bench.trivial"
QUEUE = "maintenance"


class TrivialKind(BatchKind[None, None]):
    """An item's row is all there is: claimed, leased, finished."""

    name = NAME

    def load(self, items: Sequence[Item]) -> None:
        """Read nothing."""

    def apply(self, item: Item, context: None) -> None:
        """Compute nothing."""

    def save(self, results: Sequence[None], context: None) -> None:
        """Write nothing."""


if kinds.get(NAME) is None:
    kinds.register(TrivialKind())
