"""Reads huge files in a process of its own and prints how far memory went up: see test_exchange_memory."""

import io
import json
import resource
import sys
from pathlib import Path
from typing import IO

import django

django.setup()

from django.conf import settings  # noqa: E402

from chatboost.core.exchange import staging  # noqa: E402
from chatboost.core.exchange.errors import FileRefused  # noqa: E402
from chatboost.messaging.exchange.contacts import ContactResource  # noqa: E402

GIGABYTE = 2**30


class Endless(io.RawIOBase):
    """A file of a heading and one line of a gigabyte that is never all there."""

    HEAD = b"phone,note\n"

    def __init__(self) -> None:
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = GIGABYTE if whence == io.SEEK_END else offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if self._at < len(self.HEAD):
            data = self.HEAD[self._at :][: len(buffer)]
        else:
            data = b"x" * min(len(buffer), GIGABYTE - self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def read(stream: IO[bytes]) -> str:
    try:
        for _ in staging.Cleaning(ContactResource(0), stream, staging.Options()).chunks():
            pass
    except FileRefused as refusal:
        return refusal.code
    return "read"


def peak() -> int:
    """Return the most memory this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    settings.IMPORT_MAX_BYTES = 2 * GIGABYTE
    read(io.BytesIO(b"phone\n+15550001111\n"))
    before = peak()
    found = {"a gigabyte in a line": read(io.BufferedReader(Endless()))}
    grown = {"a gigabyte in a line": peak() - before}
    for path in sorted(Path(sys.argv[1]).iterdir()):
        with path.open("rb") as stream:
            found[path.name] = read(stream)
        grown[path.name] = peak() - before
    print(json.dumps({"found": found, "grown": grown}))


if __name__ == "__main__":
    main()
