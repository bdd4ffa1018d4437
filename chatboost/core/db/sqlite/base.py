"""Django's SQLite backend whose immediate transactions wait for their turn in a fair line.

Use it as ENGINE with `OPTIONS["transaction_mode"] = "IMMEDIATE"`; `OPTIONS["timeout"]` (seconds) bounds the
wait as it does in SQLite. Writes outside `atomic()` and databases in memory don't queue, nor does Windows,
which has no flock: there SQLite's busy timeout alone decides.
"""

import sqlite3
import sys
from datetime import timedelta
from typing import Any

from django.db.backends.sqlite3 import base

if sys.platform != "win32":
    from chatboost.core.db.sqlite import turnstile

QUEUED_MODES = frozenset({"IMMEDIATE", "EXCLUSIVE"})
# What sqlite3 itself waits when the settings name no timeout.
DEFAULT_TIMEOUT_SECONDS = 5.0


# The hooks it overrides are missing from the stubs, hence the ignored types.
class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that holds a turn from BEGIN to the end of its transaction."""

    transaction_mode: str | None
    _file: str | None = None
    _turn: "turnstile.Turn | None" = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        """Connect and note the database's real file: absolute, links resolved, empty when in memory."""
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        file = connection.execute("PRAGMA database_list").fetchone()[2]
        self._file = None if self.is_in_memory_db() else file or None
        return connection

    def _start_transaction_under_autocommit(self) -> None:
        if sys.platform == "win32" or self._file is None or self.transaction_mode not in QUEUED_MODES:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
            return
        turn = self._take_turn(self._file)
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            turn.end()
            raise
        self._turn = turn

    def _take_turn(self, file: str) -> "turnstile.Turn":
        timeout = timedelta(seconds=self.settings_dict["OPTIONS"].get("timeout", DEFAULT_TIMEOUT_SECONDS))
        with self.wrap_database_errors:
            try:
                turn = turnstile.take(file, timeout)
            except OSError as error:
                raise sqlite3.OperationalError(f"can't queue for the database: {error}") from error
            if turn is None:
                raise sqlite3.OperationalError("database is locked")
            return turn

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]
        finally:
            self._end_turn_after_transaction()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._end_turn_after_transaction()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _end_turn_after_transaction(self) -> None:
        # A COMMIT that failed leaves its transaction open: the ROLLBACK that follows ends the turn.
        if self.connection is None or not self.connection.in_transaction:
            self._end_turn()

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.end()
