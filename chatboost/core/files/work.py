"""Removing what has expired: an effect, file by file: one that can't be removed holds up no other."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from chatboost.core import clock
from chatboost.core.files import removal
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work import dead_letters, kinds, queue
from chatboost.core.work.kinds import Decision, Done, EffectKind, Item, Retry

KIND: Final = "core.remove_file"
# Work of the installation: also the files of an organization that is switched off expire.
INSTALLATION: Final = 0
# Behind everything else that is tidied up.
PRIORITY: Final = 90


class RemoveKind(EffectKind[str, None]):
    """Removes an expired file's bytes, then its row."""

    name = KIND
    is_long = True

    def prepare(self, items: Sequence[Item]) -> Mapping[int, str | Decision]:
        """Find where the bytes are. What is gone, or is kept for longer after all, is left alone."""
        rows = removal.expired(clock.now()).filter(pk__in=[item.subject_id for item in items])
        paths = dict(rows.values_list("pk", "path"))
        return {item.id: paths.get(item.subject_id, Done()) for item in items}

    def call(self, intent: str) -> None:
        """Remove the bytes."""
        removal.remove_bytes(intent)

    def settle(self, results: Sequence[tuple[Item, str, Exception | None]]) -> Mapping[int, Decision]:
        """Remove the rows of files whose bytes are gone."""
        decisions: dict[int, Decision] = {
            item.id: Retry(f"{type(error).__name__}: {error}") if isinstance(error, Exception) else Done()
            for item, _, error in results
        }
        removal.forget(item.subject_id for item, _, error in results if not isinstance(error, Exception))
        return decisions


def unordered(now: datetime) -> QuerySet[Any, Any]:
    """Return the expired files whose removal does not wait or run: also those of whom it was given up."""
    # Apart, as each is read from an index of its own, and the table may be long.
    waiting = _removals(WorkState.SCHEDULED, WorkState.READY).values("subject_id")
    running = _removals(WorkState.LEASED).values("subject_id")
    return removal.expired(now).exclude(pk__in=waiting).exclude(pk__in=running)


def order(files: QuerySet[Any, Any]) -> None:
    """Owe the removal of files, anew where it was given up, in the caller's transaction."""
    ids = list(files.order_by("pk").values_list("pk", flat=True))
    dead_letters.retry(_removals(WorkState.DEAD).filter(subject_id__in=ids), actor=None)
    # Those wait under their keys now.
    queue.enqueue_many(
        queue.Order(
            kind=KIND,
            subject_id=pk,
            organization_id=INSTALLATION,
            queue="maintenance",
            priority=PRIORITY,
            dedupe_key=str(pk),
        )
        for pk in ids
    )


def _removals(*states: WorkState) -> QuerySet[WorkItem]:
    return WorkItem.objects.filter(kind=KIND, state__in=states)


kinds.register(RemoveKind())
