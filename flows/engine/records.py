"""The base of the engine's shapes."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Make a slotted dataclass that the type checker treats as frozen.

    `frozen=True` would make each instance four to seven times dearer, and a run makes about ten of them.
    """
    return dataclass(slots=True)(cls)
