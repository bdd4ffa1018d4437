"""One `up` per data folder: a locked pid file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class AlreadyRunning(Exception):
    """Another `up` uses the data folder. `pid` is empty when it isn't known."""

    def __init__(self, pid: str) -> None:
        super().__init__(f"ChatBoost is already running from this data folder (process {pid or 'unknown'}).")
        self.pid = pid


@contextmanager
def only(data_dir: Path) -> Iterator[None]:
    """Hold the data folder. The kernel lets go of it when this process ends, however it ends.

    Raises: AlreadyRunning.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "up.pid").open("a+") as file:
        file.seek(0)
        _lock(file.fileno(), owner=file.read().strip())
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
        file.seek(0)
        file.truncate()


def _lock(descriptor: int, *, owner: str) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(owner) from None
