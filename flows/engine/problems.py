"""What validation finds."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self


class Severity(StrEnum):
    """An error forbids publishing, a warning doesn't."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: `node` is a node's number or None for the flow, `path` a dotted path into its config."""

    node: int | None
    path: str
    code: str
    message: str
    severity: Severity = Severity.ERROR

    def at(self, node: int | None) -> Self:
        """Return the same finding about another node."""
        return replace(self, node=node)


def error(path: str, code: str, message: str) -> Problem:
    """Find an error in a config; the validator adds the node."""
    return Problem(None, path, code, message)


def warning(path: str, code: str, message: str) -> Problem:
    """Find something doubtful in a config; the validator adds the node."""
    return Problem(None, path, code, message, Severity.WARNING)
