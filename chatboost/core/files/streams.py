"""Bytes on their way into the storage and out of it, never all in memory."""

import hashlib
import io
from collections.abc import Iterable
from typing import Protocol


class Source(Protocol):
    """What a storage opens."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""

    def read(self, size: int = -1, /) -> bytes:
        """Read on."""

    def close(self) -> None:
        """Let go."""


class Meter(io.RawIOBase):
    """Reads an iterable of bytes as a file, and keeps its size and sum."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")
        self._sum = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """The sum of what was read so far, in hexadecimal."""
        return self._sum.hexdigest()

    def readable(self) -> bool:
        """Say that it can be read; it can't be rewound."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer with what comes next; 0 at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._sum.update(chunk)
            self.size += len(chunk)
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class Part:
    """Reads `length` bytes of an open file from `start` on; closes it when it is closed."""

    def __init__(self, source: Source, *, start: int, length: int) -> None:
        self._source = source
        self._left = length
        if length:
            # A storage that is no folder fetches the file now: not for a HEAD, and not after the headers.
            source.seek(start)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, and none at the end of the part."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._source.read(wanted) if wanted else b""
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self._source.close()
