"""Many threads on one real database: each has a connection of its own, as requests have."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.db import connection, connections, models

from chatboost.settings import environment

T = TypeVar("T")

# Where a race is run: an SQLite file of its own, or the suite's PostgreSQL.
DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=[pytest.mark.services, pytest.mark.django_db(transaction=True)]),
]


def in_threads(jobs: Sequence[Callable[[], T]], *, threads: int = 60) -> list[T]:
    """Run the jobs, so many side by side and all at once; the first failure is raised."""
    threads = min(threads, len(jobs))
    start = threading.Barrier(threads)

    def run(mine: Sequence[Callable[[], T]]) -> list[T]:
        start.wait(30)
        try:
            return [job() for job in mine]
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(run, jobs[number::threads]) for number in range(threads)]
        return [answer for future in futures for answer in future.result()]


@contextmanager
def sqlite_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, blocker: Any, tables: Sequence[type[models.Model]]
) -> Iterator[None]:
    """Have every new thread connect to a database file that holds these tables."""
    url = f"sqlite:///{folder / 'race.sqlite3'}"
    configured = connections.configure_settings({"default": environment.database(url)})
    monkeypatch.setitem(connections.settings, "default", configured["default"])

    def create() -> None:
        with connection.schema_editor() as editor:
            for table in tables:
                editor.create_model(table)

    with blocker.unblock():
        in_threads([create])
        yield
