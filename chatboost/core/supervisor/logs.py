"""A child's log file, read while the child writes it.

The child writes to the file itself, not to a pipe of ours: it never waits for the terminal, and it isn't
hurt when the supervisor dies.
"""

from collections import deque
from pathlib import Path
from typing import IO

MAX_BYTES = 10 * 1024 * 1024
_READ_BYTES = 1024 * 1024


class LogFile:
    """Appended by one child, followed by us, cut off when it grows past `max_bytes`."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._position = 0
        self._rest = b""

    def open_for_child(self) -> IO[bytes]:
        """Open the file for a child's output; what earlier runs wrote stays and isn't shown again."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("ab")
        self._position = file.tell()
        return file

    def new_lines(self) -> list[str]:
        """Return the whole lines written since the last call."""
        with self.path.open("rb") as file:
            file.seek(self._position)
            data = file.read(_READ_BYTES)
        self._position += len(data)
        self._cut()
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def tail(self, count: int) -> list[str]:
        """Return the last lines of the file."""
        with self.path.open(errors="replace") as file:
            return [line.rstrip("\r\n") for line in deque(file, maxlen=count)]

    def _cut(self) -> None:
        """Keep one older piece beside the file. The child appends, so its next line starts the file anew."""
        if self._position < self._max_bytes:
            return
        self.path.with_suffix(".log.1").write_bytes(self.path.read_bytes())
        with self.path.open("r+b") as file:
            file.truncate()
        self._position = 0
