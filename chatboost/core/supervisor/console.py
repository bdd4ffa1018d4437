"""What the person at the terminal sees: our own sentences, and of the children's output what matters."""

import re
import sys
import threading
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TextIO

_ALERT = re.compile(
    r"\b(WARNING|ERROR|CRITICAL|FATAL)\b"  # logging's default words, upper case as they come
    r"|\[(warning|error|critical) *\]"  # structlog's text
    r'|"level": ?"(warning|error|critical)"'  # structlog's JSON
)
_TRACEBACK = "Traceback (most recent call last)"


class Show(StrEnum):
    """Which lines of a child reach the terminal; all of them are in its log file."""

    ALL = "all"
    ALERTS = "alerts"
    NOTHING = "nothing"


class Console:
    """Writes whole lines from any thread, and goes on in silence when the terminal is gone."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print a sentence of our own."""
        with self._lock:
            try:
                self._stream.write(f"{text}\n")
                self._stream.flush()
            except (OSError, ValueError):
                # A closed terminal or pipe: the children must still be stopped in order.
                return

    def show(self, name: str, lines: Iterable[str]) -> None:
        """Print lines of a child behind its name."""
        for line in lines:
            self.say(f"{name:<8}| {line}")


class Filter:
    """Picks the lines to show. Keeps state: a traceback is shown to its end."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._is_in_traceback = False

    def pick(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the lines that the terminal should see."""
        for line in lines:
            if self._show is Show.ALL or (self._show is Show.ALERTS and self._is_alert(line)):
                yield line

    def _is_alert(self, line: str) -> bool:
        if _TRACEBACK in line:
            self._is_in_traceback = True
            return True
        if self._is_in_traceback:
            # Its last line, "SomeError: why", is the first one that isn't indented.
            self._is_in_traceback = line.startswith((" ", "\t")) or not line
            return True
        return bool(_ALERT.search(line))
