"""A real Valkey for tests of the cache: started, killed, frozen, started again."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from chatboost.core.supervisor import valkey
from tests.core.processes import wait_until


class CacheServer:
    """One server; what it held is gone after `kill`."""

    def __init__(self, folder: Path) -> None:
        self._server = valkey.choose(folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        assert self._server.socket, "the folder's name is too long"
        return f"unix://{self._server.socket}?db=3"

    def caches(self) -> dict[str, Any]:
        """Return Django's setting for it."""
        options = {"kept_here_when_away": settings.CACHE_KEPT_HERE_WHEN_AWAY}
        return {
            "default": {
                "BACKEND": "chatboost.core.cache.RedisCache",
                "LOCATION": self.url,
                "OPTIONS": options,
            }
        }

    def start(self) -> None:
        binary = valkey.binary_path()
        assert binary is not None
        self._process = subprocess.Popen(self._server.argv(binary), stdout=subprocess.DEVNULL)
        wait_until(self._server.answers)

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait(10)

    def freeze(self) -> None:
        """Have it take connections and say nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        if self._process and self._process.poll() is None:
            self.kill()


@contextmanager
def cache_server(folder: Path) -> Iterator[CacheServer]:
    """Run a server until the block ends."""
    server = CacheServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.end()
