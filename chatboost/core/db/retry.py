"""Run a unit of database work again after a conflict that isn't its fault."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

T = TypeVar("T")

# serialization_failure and deadlock_detected.
# Source: PostgreSQL documentation, Appendix A, and 13.5 "Serialization Failure Handling".
CONFLICT_SQLSTATES = frozenset({"40001", "40P01"})
# "database is locked", "database table is locked". Source: sqlite.org/rescode.html, SQLITE_BUSY and _LOCKED.
LOCKED = "is locked"
BACKOFF_BASE = timedelta(milliseconds=50)
BACKOFF_CAP = timedelta(seconds=1)


def retry_tx(func: Callable[[], T], *, attempts: int = 5, using: str = DEFAULT_DB_ALIAS) -> T:
    """Call `func`, a whole transaction, until it meets no deadlock, serialization failure or locked database.

    `func` must open its own `atomic()` and have no effect outside the database. Inside a transaction that
    is already open it is called once: only whoever opened that one can start again.

    Raises: the last conflict when every attempt met one, and any other error at once.
    """
    if connections[using].in_atomic_block:
        return func()
    for pause in _pauses(attempts - 1):
        try:
            return func()
        except DatabaseError as error:
            if not is_conflict(error):
                raise
            time.sleep(pause.total_seconds())
    return func()


def is_conflict(error: BaseException) -> bool:
    """Say whether the database gave up this transaction because of another one."""
    causes = list(_causes(error))
    if any(getattr(cause, "sqlstate", None) in CONFLICT_SQLSTATES for cause in causes):
        return True
    return any(isinstance(cause, DatabaseError) and LOCKED in str(cause) for cause in causes)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _pauses(count: int) -> Iterator[timedelta]:
    """Yield waits between attempts, each spread over its whole range so that rivals don't meet again."""
    for number in range(count):
        yield random.uniform(0, 1) * min(BACKOFF_CAP, BACKOFF_BASE * 2**number)  # noqa: S311
