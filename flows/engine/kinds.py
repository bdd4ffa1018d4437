"""What a node kind is, and the book of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

from flows.engine import placeholders
from flows.engine.events import Event
from flows.engine.frame import Frame
from flows.engine.problems import Problem
from flows.engine.records import record
from flows.engine.state import Wait

Config = dict[str, Any]
Enter = Callable[[Frame], int | None]
Resume = Callable[[Frame, Event, Wait], int | None]


@record
class CompiledNode:
    """A node ready to run, shared by all runs and threads; `resume` is needed when `enter` may pause."""

    enter: Enter
    resume: Resume | None = None


class NodeKind(ABC):
    """A kind of node. Its `name` never comes to mean something else: published versions carry it for ever."""

    name: ClassVar[str]
    exits: ClassVar[tuple[str, ...]] = ("next",)
    sends_free_form: ClassVar[bool] = False

    @abstractmethod
    def check(self, config: Config) -> list[Problem]:
        """List what is wrong with a config, exits and placeholder names apart."""

    @abstractmethod
    def compile(self, number: int, config: Config) -> CompiledNode:
        """Prepare a node whose config has no errors."""

    def pauses(self, config: Config) -> bool:
        """Tell whether the node always waits for an event, so that a loop through it can't spin."""
        return False

    def awaits_contact(self, config: Config) -> bool:
        """Tell whether leaving by `next` means that the contact has just written."""
        return False

    def delay(self, config: Config) -> timedelta:
        """Return how long the contact may be silent while the run stays here."""
        return timedelta(0)

    def paths(self, config: Config) -> Iterator[tuple[str, str]]:
        """Yield (path into the config, placeholder's dotted path) of all that the node reads."""
        yield from placeholders.paths(config)


class DuplicateKindError(ValueError):
    """Two node kinds want the same name."""


class Registry:
    """The node kinds of an installation by name."""

    def __init__(self, kinds: tuple[NodeKind, ...] = ()) -> None:
        self._kinds: dict[str, NodeKind] = {}
        for kind in kinds:
            self.register(kind)

    def register(self, kind: NodeKind) -> None:
        """Add a kind, from `AppConfig.ready()`. Raises: DuplicateKindError."""
        if kind.name in self._kinds:
            raise DuplicateKindError(kind.name)
        self._kinds[kind.name] = kind

    def get(self, name: str) -> NodeKind | None:
        """Return the kind, or None when nobody has registered it."""
        return self._kinds.get(name)

    def names(self) -> tuple[str, ...]:
        """Return all names, in the order of registration."""
        return tuple(self._kinds)


def target(config: Config, exit_name: str) -> int | None:
    """Return the number of the node behind an exit; null and absent both mean that the run ends there."""
    number = config.get(exit_name)
    return number if is_number(number) else None


def is_number(value: object) -> bool:
    """Tell whether a value may be a node's number."""
    return type(value) is int and value >= 0
