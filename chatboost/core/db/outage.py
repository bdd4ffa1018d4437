"""Telling a database that is away, or too busy, from a statement that is wrong."""

from collections.abc import Iterator

from django.db import InterfaceError, OperationalError

from chatboost.core.db import retry

# lock_not_available, too_many_connections, admin_shutdown, crash_shutdown, cannot_connect_now.
# Source: PostgreSQL documentation, Appendix A. Class 08 is "Connection Exception".
AWAY_SQLSTATES = frozenset({"53300", "55P03", "57P01", "57P02", "57P03"})
CONNECTION_CLASS = "08"
# What SQLite says when the file, or the place beside it for its journal, can't be reached.
SQLITE_AWAY = ("unable to open database file", "can't queue for the database")
LOCK_TIMEOUT = "55P03"


def is_outage(error: BaseException) -> bool:
    """Say whether the same request may well succeed later: no connection, a lost one, or endless locks."""
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    if retry.is_conflict(error):
        return True
    state = sqlstate(error)
    if state is not None:
        return state in AWAY_SQLSTATES or state.startswith(CONNECTION_CLASS)
    return _is_lost_connection(error)


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's code of an error, if the server sent one."""
    return next((state for cause in _causes(error) if (state := getattr(cause, "sqlstate", None))), None)


def _is_lost_connection(error: BaseException) -> bool:
    text = str(error)
    if any(phrase in text for phrase in SQLITE_AWAY):
        return True
    if isinstance(error, InterfaceError):
        return "connection" in text and "closed" in text
    # The server gives every error a code: what has none comes from the client's side of the connection, or
    # from the pool that waited for one in vain.
    return any(type(cause).__module__.startswith("psycopg") for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
