"""Store an attribute of the contact."""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from chatboost.core import interpolation
from chatboost.messaging import attribute_values
from chatboost.messaging.attribute_values import AttributeValueError
from flows.engine import placeholders
from flows.engine.effects import LogEntry, LogLevel, SetAttribute
from flows.engine.frame import Frame, NodeFailedError
from flows.engine.kinds import CompiledNode, Config, Enter, NodeKind, target
from flows.engine.problems import Problem, Severity, error, warning

_TYPES: Final = ("string", "number", "boolean", "json", "date", "datetime")
_MAX_PLAIN_LENGTH: Final = 1000


class SetAttributeNode(NodeKind):
    """`{"attribute_key", "attribute_value", "value_type": "string", "next", "error_path"?}`.

    The value is coerced to its type. When that fails the run takes `error_path`, or without one fails with
    `invalid_attribute_value`. Later nodes of the run see the new value.
    """

    name: ClassVar[str] = "set_attribute"
    exits: ClassVar[tuple[str, ...]] = ("next", "error_path")

    def check(self, config: Config) -> list[Problem]:
        """Check key, type and, where it has no placeholder, the value."""
        problems = []
        key = config.get("attribute_key")
        if not isinstance(key, str) or not attribute_values.is_key(key):
            text = "A key has up to 64 letters, digits, _ or - and starts with a letter."
            problems.append(error("attribute_key", "bad_attribute_key", text))
        elif "." in key:
            text = "No placeholder can read a key with a dot."
            problems.append(warning("attribute_key", "unreadable_key", text))
        if config.get("attribute_value") is None:
            problems.append(error("attribute_value", "missing_value", "Say what to store."))
        if _type(config) not in _TYPES:
            problems.append(error("value_type", "bad_value_type", f"Choose one of {', '.join(_TYPES)}."))
        is_readable = all(found.severity is Severity.WARNING for found in problems)
        return problems + (_check_value(config["attribute_value"], _type(config)) if is_readable else [])

    def compile(self, number: int, config: Config) -> CompiledNode:
        """Prepare the value; one without placeholders is coerced once."""
        key, value_type = config["attribute_key"], _type(config)
        following, failing_to = target(config, "next"), target(config, "error_path")
        stored = LogEntry(number, self.name, "stored")
        if not any(placeholders.paths(config["attribute_value"])):
            value = attribute_values.coerce(config["attribute_value"], value_type)
            return CompiledNode(_store_fixed(SetAttribute(key, value, value_type), stored, following))
        read = _reader(config["attribute_value"], value_type)
        refused = LogEntry(number, self.name, "refused", LogLevel.ERROR, f"{key} is not a {value_type}.")

        def enter(frame: Frame) -> int | None:
            try:
                value = read(frame)
            except AttributeValueError as failure:
                if failing_to is None:
                    raise NodeFailedError("invalid_attribute_value", refused.message) from failure
                frame.logs.append(refused)
                return failing_to
            frame.set_attribute(key, value)
            frame.effects.append(SetAttribute(key, value, value_type))
            frame.logs.append(stored)
            return following

        return CompiledNode(enter)


def _store_fixed(effect: SetAttribute, stored: LogEntry, following: int | None) -> Enter:
    def enter(frame: Frame) -> int | None:
        frame.set_attribute(effect.key, effect.value)
        frame.effects.append(effect)
        frame.logs.append(stored)
        return following

    return enter


def _reader(value: Any, value_type: str) -> Callable[[Frame], Any]:
    """Return the function that fills in and coerces a value. Raises: AttributeValueError."""
    if isinstance(value, str) and value_type == "string":
        return _text_reader(value)
    template = interpolation.compile_value(value)

    def read(frame: Frame) -> Any:
        filled = template.fill(frame.scope, frame.missing)
        if filled is None:
            raise AttributeValueError("There is no value.")
        return attribute_values.coerce(filled, value_type)

    return read


def _text_reader(value: str) -> Callable[[Frame], str]:
    """Spare short plain texts, which are nearly all, the checks that they would pass."""
    fill = interpolation.compile(value).fill

    def read(frame: Frame) -> str:
        text = fill(frame.scope, frame.missing)
        is_plain = len(text) <= _MAX_PLAIN_LENGTH and text.isascii() and text.isprintable()
        return text if is_plain else str(attribute_values.coerce(text, "string"))

    return read


def _type(config: Config) -> Any:
    return config.get("value_type", "string")


def _check_value(value: Any, value_type: str) -> list[Problem]:
    problems = placeholders.check(value, "attribute_value")
    if problems or any(placeholders.paths(value)):
        return problems
    try:
        attribute_values.coerce(value, value_type)
    except AttributeValueError as failure:
        return [error("attribute_value", "invalid_attribute_value", str(failure))]
    return []
