"""Choose between two ways."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from chatboost.core import interpolation
from chatboost.core.interpolation import InterpolationError, Path
from flows.engine import placeholders
from flows.engine.effects import LogEntry
from flows.engine.frame import Frame
from flows.engine.kinds import CompiledNode, Config, NodeKind, target
from flows.engine.nodes.comparison import BINARY, NEED_VALUE, UNARY, Operand, equals, is_empty
from flows.engine.problems import Problem, error

_Test = Callable[[Any, Frame], bool]


class ConditionNode(NodeKind):
    """`{"variable": "state.x", "operator": "==", "value", "case_sensitive"?, "true_path", "false_path"}`.

    `variable` is a path such as `contact.attribute.city` or `message.text`, with or without braces; `value`
    may hold placeholders. How values compare: see `nodes.comparison`. `in` takes a list, or a text with
    commas.
    """

    name: ClassVar[str] = "condition"
    exits: ClassVar[tuple[str, ...]] = ("true_path", "false_path")

    def check(self, config: Config) -> list[Problem]:
        """Check variable, operator and value."""
        problems = []
        try:
            _variable(config)
        except InterpolationError as failure:
            problems.append(error("variable", "bad_variable", str(failure)))
        operator = config.get("operator")
        if not isinstance(operator, str) or operator not in BINARY | UNARY:
            known = ", ".join([*BINARY, *UNARY])
            problems.append(error("operator", "bad_operator", f"Choose one of {known}."))
        elif operator in NEED_VALUE and is_empty(config.get("value")):
            problems.append(error("value", "missing_value", "Say what to compare with."))
        if not isinstance(config.get("case_sensitive", False), bool):
            problems.append(error("case_sensitive", "bad_flag", "Say true or false."))
        return problems + placeholders.check(config.get("value"), "value")

    def paths(self, config: Config) -> Iterator[tuple[str, str]]:
        """Yield the variable and the placeholders of the value."""
        yield "variable", _variable(config).dotted
        yield from placeholders.paths(config.get("value"), "value")

    def compile(self, number: int, config: Config) -> CompiledNode:
        """Prepare the test."""
        test, read = _test(config), _variable(config).read
        true_path, false_path = target(config, "true_path"), target(config, "false_path")
        is_true, is_false = LogEntry(number, self.name, "true"), LogEntry(number, self.name, "false")

        def enter(frame: Frame) -> int | None:
            if test(read(frame.scope), frame):
                frame.logs.append(is_true)
                return true_path
            frame.logs.append(is_false)
            return false_path

        return CompiledNode(enter)


def _variable(config: Config) -> Path:
    """Read the variable. Raises: InterpolationError `bad_path`."""
    text = config.get("variable")
    text = text.strip() if isinstance(text, str) else ""
    if text.startswith("{{") and text.endswith("}}"):
        text = text[2:-2]
    return interpolation.parse_path(text)


def _test(config: Config) -> _Test:
    """Return what judges the variable's value."""
    value, keeps_case = config.get("value"), bool(config.get("case_sensitive"))
    operator = config["operator"]
    compare = BINARY[operator] if operator in BINARY else UNARY[operator]
    template = interpolation.compile_value(value)
    if template.paths:
        return lambda left, frame: compare(
            left, Operand(template.fill(frame.scope, frame.missing), keeps_case=keeps_case)
        )
    right = Operand(value, keeps_case=keeps_case)
    if operator == "==" and right.number is None and not keeps_case:
        return _equals_words(right)
    return lambda left, frame: compare(left, right)


def _equals_words(right: Operand) -> _Test:
    """Compare a text with fixed words, by far the most frequent test."""
    folded = right.folded

    def test(left: Any, frame: Frame) -> bool:
        return left.strip().casefold() == folded if type(left) is str else equals(left, right)

    return test
