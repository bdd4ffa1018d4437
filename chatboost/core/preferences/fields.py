"""Fields of settings: declared on a dataclass, checked, and turned into JSON and back."""

import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

# What a setting may be.
TYPES: tuple[Any, ...] = (bool, int, str, time, timedelta, list[str])

MAX_TEXT = 2000
MAX_ITEMS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `minimum` and `maximum` bound its value, or a text's or list's length."""

    name: str
    type: Any
    default: Any
    label: str
    help: str = ""
    minimum: Any = None
    maximum: Any = None
    choices: tuple[tuple[str, str], ...] = ()


def setting(
    default: Any,
    *,
    label: str,
    help: str = "",
    min: Any = None,
    max: Any = None,
    choices: Sequence[tuple[str, str]] = (),
) -> Any:
    """Declare a field of a settings dataclass. `choices` are (stored word, label) pairs of a text."""
    metadata = {"label": label, "help": help, "min": min, "max": max, "choices": tuple(choices)}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def settings_of(cls: type[Any]) -> tuple[Setting, ...]:
    """Return the settings of a dataclass in order.

    Raises: TypeError for a type that no setting has, ValueError for a default that breaks its own rules.
    """
    hints = typing.get_type_hints(cls)
    found = tuple(_read(field, hints[field.name]) for field in dataclasses.fields(cls))
    for each in found:
        if each.type not in TYPES:
            raise TypeError(f"{cls.__name__}.{each.name}: a setting can't be of type {each.type}")
        if problem := problem_of(each, each.default):
            raise ValueError(f"{cls.__name__}.{each.name}: {problem}")
    return found


def problem_of(of: Setting, value: Any) -> str:
    """Return what is wrong with a value in a sentence, or ""."""
    if not _is_of_type(of.type, value):
        return f"Not {_TYPE_WORDS[of.type]}."
    if of.choices and value not in {word for word, _ in of.choices}:
        return f"Choose one of: {', '.join(word for word, _ in of.choices)}."
    size, unit = (len(value), _UNITS[of.type]) if of.type in _UNITS else (value, "")
    if of.minimum is not None and size < of.minimum:
        return f"At least {of.minimum}{unit}."
    maximum = _LIMITS.get(of.type) if of.maximum is None else of.maximum
    if maximum is not None and size > maximum:
        return f"At most {maximum}{unit}."
    return ""


def encode(value: Any) -> Any:
    """Return a checked value as JSON: times as ISO, durations as seconds."""
    if isinstance(value, time):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def decode(of: Setting, stored: Any) -> Any:
    """Return a stored value, or the default where it does not fit any more."""
    try:
        value = _DECODERS.get(of.type, lambda value: value)(stored)
    except (TypeError, ValueError, OverflowError):
        return of.default
    return of.default if problem_of(of, value) else value


_TYPE_WORDS: dict[Any, str] = {
    bool: "yes or no",
    int: "a whole number",
    str: "a text",
    time: "a time of day",
    timedelta: "a duration",
    list[str]: "a list of texts",
}
_UNITS: dict[Any, str] = {str: " characters", list[str]: " entries"}
_LIMITS: dict[Any, int] = {str: MAX_TEXT, list[str]: MAX_ITEMS}
_DECODERS: dict[Any, Any] = {
    time: time.fromisoformat,
    timedelta: lambda seconds: timedelta(seconds=seconds),
}


def _is_of_type(kind: Any, value: Any) -> bool:
    if kind == list[str]:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, kind) and (kind is not int or not isinstance(value, bool))


def _read(field: "dataclasses.Field[Any]", kind: Any) -> Setting:
    has_factory = field.default_factory is not dataclasses.MISSING
    default = field.default_factory() if has_factory else field.default  # type: ignore[misc]
    return Setting(
        name=field.name,
        type=kind,
        default=default,
        label=field.metadata.get("label", field.name.replace("_", " ").capitalize()),
        help=field.metadata.get("help", ""),
        minimum=field.metadata.get("min"),
        maximum=field.metadata.get("max"),
        choices=field.metadata.get("choices", ()),
    )
