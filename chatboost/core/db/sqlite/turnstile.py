"""A fair line of writers across threads and processes, made of two flock files beside the database.

SQLite's busy handler sleeps and tries again, so whoever asks at the right instant wins and a busy writer
starves the others. Here a writer holds `-next` while it waits for `-write`, and everyone else waits for
`-next`: the one who just wrote can't overtake the one at the head. The kernel wakes waiters in order and
drops the locks of a dead process.

Source: flock(2); Linux fs/locks.c chains blocked requests, so the oldest is woken first.
"""

import fcntl
import io
import os
import threading
import weakref
from datetime import timedelta

_open_files: weakref.WeakSet[io.FileIO] = weakref.WeakSet()


def _forget_after_fork() -> None:
    # The child shares the parent's locks: closing its copies leaves them to the parent, unlocking wouldn't.
    for file in list(_open_files):
        file.close()


os.register_at_fork(after_in_child=_forget_after_fork)


class Turn:
    """The right to write, held until `end` or until the object or the process goes away."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file

    def end(self) -> None:
        """Let the next writer go. Does nothing the second time, or in a forked child."""
        _release(self._file)


def take(database: str, timeout: timedelta) -> Turn | None:
    """Wait for this thread's turn to write to the database file; None when the time is over.

    Raises: OSError when the lock files can't be made or the file system knows no locks.
    """
    place = _Place(database)
    if place.is_free():
        return Turn(place.write)
    if place.wait(timeout):
        return Turn(place.write)
    return None


class _Place:
    """One writer's place in the line.

    flock(2) can't time out, so a thread of its own does the waiting; when its writer has left, it gives up
    the place as soon as it reaches the head.
    """

    def __init__(self, database: str) -> None:
        self.next = _open(f"{database}-queue-next")
        self.write = _open(f"{database}-queue-write")
        self._guard = threading.Lock()
        self._answered = threading.Event()
        self._is_granted = False
        self._has_left = False
        self._error: OSError | None = None

    def is_free(self) -> bool:
        """Go straight through when nobody writes and nobody waits."""
        if not _lock_now(self.next) or not _lock_now(self.write):
            return False
        _release(self.next)
        return True

    def wait(self, timeout: timedelta) -> bool:
        """Stand in line until the turn comes or the time is over."""
        threading.Thread(target=self._stand, name="sqlite-turnstile", daemon=True).start()
        try:
            self._answered.wait(timeout.total_seconds())
        except BaseException:
            # A signal's exception, such as Celery's time limit: nobody is left to end the turn.
            self._leave()
            raise
        if self._error is not None:
            raise self._error
        with self._guard:
            self._has_left = not self._is_granted
            return self._is_granted

    def _leave(self) -> None:
        with self._guard:
            self._has_left = True
            if self._is_granted:
                _release(self.write)

    def _stand(self) -> None:
        try:
            fcntl.flock(self.next, fcntl.LOCK_EX)
            if not self._has_left:
                fcntl.flock(self.write, fcntl.LOCK_EX)
        except OSError as error:
            self._error = error
        with self._guard:
            self._is_granted = self._error is None and not self._has_left
            if not self._is_granted:
                _release(self.write)
        _release(self.next)
        self._answered.set()


def _open(path: str) -> io.FileIO:
    file = io.FileIO(path, "a")
    _open_files.add(file)
    return file


def _lock_now(file: io.FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _release(file: io.FileIO) -> None:
    if file.closed:
        return
    # Unlock first: a process forked this very moment may still hold a copy of the descriptor.
    fcntl.flock(file, fcntl.LOCK_UN)
    file.close()
