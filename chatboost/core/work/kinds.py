"""What a room implements to have work done: a BatchKind or an EffectKind, registered by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Item:
    """A leased work item, as its kind sees it."""

    id: int
    kind: str
    subject_id: int
    organization_id: int
    lane: str | None
    error_count: int
    crash_count: int
    token: UUID


@dataclass(frozen=True, slots=True)
class Done:
    """The item is finished; its row goes."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after back-off, or after `after` when that is longer. Counts as an error.

    `is_passing`: nothing is wrong with the item, the other side is away. That is borne for about a day.
    """

    error: str
    after: timedelta | None = None
    is_passing: bool = False


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now: run again at `until`. Counts as nothing; the lane stays closed."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Dead:
    """Give up: the item becomes a dead letter."""

    error: str


# Whole files are read and written in one call.
LONGEST_CALL = timedelta(hours=1)

Decision = Done | Retry | Defer | Dead


def is_last_try(item: Item, *, is_passing: bool = False) -> bool:
    """Tell whether another error, of the item itself or one that will pass, would be its last."""
    tries = item.error_count + 1
    if tries >= settings.WORK_MAX_PASSING_ERRORS:
        return True
    # Whoever has borne an outage for long is not given up at the first other error after it.
    return not is_passing and tries == settings.WORK_MAX_ERRORS


ContextT = TypeVar("ContextT")
ResultT = TypeVar("ResultT")
IntentT = TypeVar("IntentT")
OutcomeT = TypeVar("OutcomeT")


class BatchKind(ABC, Generic[ContextT, ResultT]):
    """Database work, done for many items in one transaction.

    `load`, every `apply`, `save` and the finish of the items happen in one transaction. When a batch
    raises, it is rolled back and each item is tried alone. Items of one lane never share a batch.
    """

    name: str

    @abstractmethod
    def load(self, items: Sequence[Item]) -> ContextT:
        """Read, and lock, what the items need, in set-based queries."""

    @abstractmethod
    def apply(self, item: Item, context: ContextT) -> ResultT:
        """Compute one item's result from the context."""

    @abstractmethod
    def save(self, results: Sequence[ResultT], context: ContextT) -> None:
        """Write all results in set-based statements."""

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Say in the subjects' rows that their work was given up; in the transaction that gives it up."""


class EffectKind(ABC, Generic[IntentT, OutcomeT]):
    """An effect on the outside world: intent committed, then the call, then the outcome committed.

    `call` runs in threads and never touches the ORM. Whatever it raises is given to `settle` in its place.
    `is_long`: a call may take many seconds; a pump makes such calls beside the room's short ones. `longest`:
    a call may outlast WORK_LEASE, which is renewed for as long as this.
    """

    name: str
    is_long: ClassVar[bool] = False
    longest: ClassVar[timedelta | None] = None

    @abstractmethod
    def prepare(self, items: Sequence[Item]) -> Mapping[int, IntentT | Decision]:
        """Record the intents in one transaction; maps item id to an intent, or a decision without a call."""

    @abstractmethod
    def call(self, intent: IntentT) -> OutcomeT:
        """Act on the outside world, once."""

    @abstractmethod
    def settle(self, results: Sequence[tuple[Item, IntentT, OutcomeT | Exception]]) -> Mapping[int, Decision]:
        """Record the outcomes; maps item id to what becomes of the item.

        Runs in one transaction that commits even when the lease was lost: an outcome is always recorded.
        """

    def withdraw(self, intents: Sequence[tuple[Item, IntentT]]) -> None:
        """Take back intents whose calls were certainly not made; their items wait in line again.

        In the transaction that puts them there. A kind that can't tell an intent from a call that was made,
        once the process is gone, says here that there was none.
        """

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Say in the subjects' rows that their work was given up; in the transaction that gives it up."""


Kind = BatchKind[Any, Any] | EffectKind[Any, Any]

_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known by its name. Raises ValueError when the name is taken."""
    if kind.name in _kinds:
        raise ValueError(f"work kind {kind.name!r} is registered twice")
    _kinds[kind.name] = kind


def get(name: str) -> Kind | None:
    """Return the kind of that name, if a room has registered it."""
    return _kinds.get(name)


def names(shape: type[Any]) -> list[str]:
    """Return the names of all kinds of one shape (BatchKind or EffectKind)."""
    return [name for name, kind in _kinds.items() if isinstance(kind, shape)]
