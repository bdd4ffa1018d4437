"""Fewer round trips: a write whose answer nobody waits for travels with the statement behind it.

PostgreSQL runs several statements of one text in their order, so whatever is asked for next sees what was
written before, and nothing else changes but the waiting. SQLite has no trips to save.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

_Execute = Callable[[str, Any, bool, dict[str, Any]], Any]

_here = threading.local()


class _Waiting:
    """The writes of a block that no statement has taken along yet."""

    def __init__(self) -> None:
        self._sql: list[str] = []
        self._params: list[Any] = []

    def add(self, sql: str, params: Sequence[Any]) -> None:
        self._sql.append(sql)
        self._params += params

    def along(self, execute: _Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        """Run a statement behind those that wait; its cursor answers for it alone."""
        if sql.startswith("ROLLBACK TO"):
            # All that waits was written since the savepoint, which sent whatever waited before it.
            self._take()
        if not self._sql:
            return execute(sql, params, many, context)
        if many or params is None or hasattr(context["cursor"].cursor, "name"):
            self.send()
            return execute(sql, params, many, context)
        statements, values = self._take()
        answer = execute(";\n".join([*statements, sql]), (*values, *params), many, context)
        for _ in statements:
            context["cursor"].nextset()
        return answer

    def send(self) -> None:
        """Run what waits."""
        statements, values = self._take()
        if statements:
            with connection.cursor() as cursor:
                cursor.execute(";\n".join(statements), values)

    def _take(self) -> tuple[list[str], list[Any]]:
        taken = self._sql, self._params
        self._sql, self._params = [], []
        return taken


@contextmanager
def gathered() -> Iterator[None]:
    """Let writes made by `write` wait for the next statement meanwhile; the rest goes at the end.

    Inside a transaction, and inside its block: what waits must be sent before the commit. An error of a
    write comes out of the statement that took it along.
    """
    if not _can_gather():
        yield
        return
    _here.waiting = waiting = _Waiting()
    try:
        with connection.execute_wrapper(waiting.along):
            yield
            waiting.send()
    finally:
        _here.waiting = None


def write(sql: str, params: Sequence[Any]) -> None:
    """Run a statement without an answer, now or with the one behind it."""
    waiting: _Waiting | None = getattr(_here, "waiting", None)
    if waiting is not None:
        waiting.add(sql, params)
        return
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def are_texts_joined() -> bool:
    """Tell whether one text may hold several statements: the server binds no values here."""
    options = connection.settings_dict["OPTIONS"]
    return connection.vendor == "postgresql" and not options.get("server_side_binding")


def _can_gather() -> bool:
    return are_texts_joined() and connection.in_atomic_block and getattr(_here, "waiting", None) is None
