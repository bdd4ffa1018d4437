"""What a fake has done: an append-only list, and a file of JSON lines when it runs as its own process."""

import json
import threading
from pathlib import Path
from typing import Any


class Ledger:
    """Entries in the order they happened. Safe between threads."""

    def __init__(self, path: Path | None = None) -> None:
        """Begin empty; with a path, every entry is a line there as soon as it is made."""
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        self._file = path.open("a", encoding="utf-8") if path is not None else None

    def append(self, entry: dict[str, Any]) -> None:
        """Write one entry down before anybody hears of it."""
        with self._lock:
            self._entries.append(entry)
            if self._file is not None:
                self._file.write(json.dumps(entry) + "\n")
                self._file.flush()

    def entries(self) -> list[dict[str, Any]]:
        """Return a copy of all entries."""
        with self._lock:
            return list(self._entries)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
