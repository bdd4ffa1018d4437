"""The fair line of SQLite writers, and units of work that run again."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from chatboost.core.db import retry
from chatboost.core.db.sqlite import turnstile

ALIAS = "queued"
NOW = timedelta(0)
SOON = timedelta(milliseconds=50)
LATE = timedelta(seconds=20)

Connect = Callable[..., BaseDatabaseWrapper]


@pytest.fixture
def connect(django_db_blocker: Any) -> Iterator[Connect]:
    """Point the alias at a database of the test; every thread gets a connection of its own."""

    def use(name: Path | str, *, timeout: float = 20) -> BaseDatabaseWrapper:
        options = {"transaction_mode": "IMMEDIATE", "timeout": timeout}
        connections.settings[ALIAS] = connections.configure_settings(
            {"default": {"ENGINE": "chatboost.core.db.sqlite", "NAME": name, "OPTIONS": options}}
        )["default"]
        return connections[ALIAS]

    with django_db_blocker.unblock():
        yield use
        if ALIAS in connections.settings:
            connections[ALIAS].close()
            del connections[ALIAS]
            del connections.settings[ALIAS]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with one counter, and a child table whose foreign key is checked at commit."""
    path = tmp_path / "db.sqlite3"
    with sqlite3.connect(path) as database:
        database.executescript(
            "PRAGMA journal_mode=WAL; CREATE TABLE counter (id INTEGER PRIMARY KEY, value INTEGER);"
            "INSERT INTO counter VALUES (1, 0);"
            "CREATE TABLE child (counter_id INTEGER REFERENCES counter (id) DEFERRABLE INITIALLY DEFERRED);"
        )
    database.close()
    return path


def execute(sql: str) -> None:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(sql)


def add_one() -> None:
    """Read, then write: the order that a deferred transaction can't survive."""
    with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
        (value,) = cursor.execute("SELECT value FROM counter").fetchone()
        cursor.execute("UPDATE counter SET value = %s", [value + 1])


def counted(path: Path) -> int:
    database = sqlite3.connect(path)
    (value,) = database.execute("SELECT value FROM counter").fetchone()
    database.close()
    return int(value)


def is_held(path: Path) -> bool:
    turn = turnstile.take(str(path), NOW)
    if turn is not None:
        turn.end()
    return turn is None


def is_free(path: Path) -> bool:
    # With patience: a place that `is_held` gave up is cleared only once the turn has ended.
    turn = turnstile.take(str(path), LATE)
    if turn is not None:
        turn.end()
    return turn is not None


def wait_for_line(path: Path) -> None:
    """Return when somebody stands at the head of the line."""
    with open(f"{path}-queue-next", "ab", buffering=0) as place:
        while turnstile._lock_now(place):
            turnstile.fcntl.flock(place, turnstile.fcntl.LOCK_UN)


def test_transaction_while_open_holds_turn(connect: Connect, file: Path) -> None:
    connect(file)
    with transaction.atomic(using=ALIAS):
        assert is_held(file)
    assert is_free(file)


def test_transaction_rolled_back_ends_turn(connect: Connect, file: Path) -> None:
    connect(file)
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=ALIAS):
        _ = 1 / 0
    assert is_free(file)


def test_transaction_with_savepoint_rolled_back_keeps_turn(connect: Connect, file: Path) -> None:
    connect(file)
    with transaction.atomic(using=ALIAS):
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=ALIAS):
            _ = 1 / 0
        assert is_held(file)
    assert is_free(file)


def test_transaction_whose_commit_fails_ends_turn(connect: Connect, file: Path) -> None:
    connect(file)
    with pytest.raises(IntegrityError), transaction.atomic(using=ALIAS):
        execute("INSERT INTO child VALUES (404)")
    assert is_free(file)


def test_connection_closed_inside_transaction_ends_turn(connect: Connect, file: Path) -> None:
    connection = connect(file)
    with transaction.atomic(using=ALIAS):
        connection.close()
        assert is_free(file)


def test_begin_that_fails_ends_turn(connect: Connect, file: Path) -> None:
    connect(file, timeout=0.05)
    outsider = sqlite3.connect(file, isolation_level=None)
    outsider.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="database is locked"), transaction.atomic(using=ALIAS):
        pass
    outsider.close()
    assert is_free(file)


def test_transaction_whose_turn_never_comes_raises_locked(connect: Connect, file: Path) -> None:
    connect(file, timeout=0.05)
    turn = turnstile.take(str(file), NOW)
    with pytest.raises(OperationalError, match="database is locked"), transaction.atomic(using=ALIAS):
        pass
    assert turn is not None
    turn.end()
    assert is_free(file)


def test_transaction_without_lock_files_raises_operational_error(connect: Connect, file: Path) -> None:
    connect(file)
    Path(f"{file}-queue-next").mkdir()
    with pytest.raises(OperationalError, match="can't queue"), transaction.atomic(using=ALIAS):
        pass


def test_write_outside_transaction_needs_no_turn(connect: Connect, file: Path) -> None:
    connect(file)
    turn = turnstile.take(str(file), NOW)
    execute("UPDATE counter SET value = 7")
    assert turn is not None
    turn.end()
    assert counted(file) == 7


def test_database_in_memory_makes_no_lock_files(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    connect("file:turnstile?mode=memory&cache=shared")
    with transaction.atomic(using=ALIAS):
        execute("CREATE TABLE t (id INTEGER)")
    assert list(tmp_path.iterdir()) == []


def test_database_named_by_link_shares_its_line(connect: Connect, file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite3"
    link.symlink_to(file)
    connect(link)
    with transaction.atomic(using=ALIAS):
        assert is_held(file)


def test_take_by_last_writer_never_overtakes_the_line(file: Path) -> None:
    order: list[str] = []
    first = turnstile.take(str(file), NOW)
    assert first is not None

    def stand() -> None:
        turn = turnstile.take(str(file), LATE)
        assert turn is not None
        order.append("waiting writer")
        turn.end()

    waiting = threading.Thread(target=stand)
    waiting.start()
    wait_for_line(file)
    first.end()
    again = turnstile.take(str(file), LATE)
    assert again is not None
    order.append("last writer")
    again.end()
    waiting.join()
    assert order == ["waiting writer", "last writer"]


def test_place_of_writer_that_left_is_given_up(file: Path) -> None:
    turn = turnstile.take(str(file), NOW)
    assert turn is not None
    assert turnstile.take(str(file), SOON) is None
    turn.end()
    after = turnstile.take(str(file), LATE)
    assert after is not None
    after.end()


def test_turn_of_killed_process_is_free_again(file: Path) -> None:
    script = (
        "import sys, time; from datetime import timedelta; from chatboost.core.db.sqlite import turnstile\n"
        "turn = turnstile.take(sys.argv[1], timedelta(0)); print('mine', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert is_held(file)
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert is_free(file)


def test_turn_after_fork_belongs_to_parent_alone(file: Path) -> None:
    turn = turnstile.take(str(file), NOW)
    assert turn is not None
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        turn.end()
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
    os.close(read_end)
    is_held_while_child_ends_it = is_held(file)
    turn.end()
    is_free_while_child_lives = is_free(file)
    os.close(write_end)
    os.waitpid(child, 0)
    assert (is_held_while_child_ends_it, is_free_while_child_lives) == (True, True)


def add_in_thread(errors: list[Exception], times: int) -> None:
    try:
        for _ in range(times):
            add_one()
    except OperationalError as error:
        errors.append(error)
    finally:
        connections[ALIAS].close()


def add_in_process(path: str, times: int) -> None:
    for _ in range(times):
        turn = turnstile.take(path, LATE)
        assert turn is not None
        database = sqlite3.connect(path, isolation_level=None, timeout=20)
        database.execute("BEGIN IMMEDIATE")
        (value,) = database.execute("SELECT value FROM counter").fetchone()
        database.execute("UPDATE counter SET value = ?", [value + 1])
        database.execute("COMMIT")
        database.close()
        turn.end()


def test_threads_and_processes_writing_at_once_lose_nothing(connect: Connect, file: Path) -> None:
    connect(file)
    errors: list[Exception] = []
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=add_in_process, args=(str(file), 10)) for _ in range(2)]
    threads = [threading.Thread(target=add_in_thread, args=(errors, 10)) for _ in range(8)]
    for writer in [*processes, *threads]:
        writer.start()
    for writer in [*processes, *threads]:
        writer.join()
    assert (errors, [process.exitcode for process in processes], counted(file)) == ([], [0, 0], 100)


class Conflicts:
    """A unit of work that meets `count` conflicts before it succeeds."""

    def __init__(self, count: int, error: Exception) -> None:
        self.left = count
        self.error = error
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return self.calls


class PostgresError(Exception):
    """What psycopg raises: an error with a SQLSTATE."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("could not serialize access")
        self.sqlstate = sqlstate


def failure(sqlstate: str) -> OperationalError:
    error = OperationalError("could not serialize access")
    error.__cause__ = PostgresError(sqlstate)
    return error


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize(
    "error", [failure("40001"), failure("40P01"), OperationalError("database is locked")], ids=str
)
def test_retry_tx_after_conflicts_returns_the_answer(connect: Connect, file: Path, error: Exception) -> None:
    connect(file)
    assert retry.retry_tx(Conflicts(4, error), using=ALIAS) == 5


@pytest.mark.usefixtures("no_pauses")
def test_retry_tx_with_conflict_at_every_attempt_raises_it(connect: Connect, file: Path) -> None:
    connect(file)
    unit = Conflicts(9, failure("40001"))
    with pytest.raises(OperationalError, match="serialize"):
        retry.retry_tx(unit, attempts=3, using=ALIAS)
    assert unit.calls == 3


def test_retry_tx_after_other_error_raises_at_once(connect: Connect, file: Path) -> None:
    connect(file)
    unit = Conflicts(1, failure("23505"))
    with pytest.raises(OperationalError):
        retry.retry_tx(unit, using=ALIAS)
    assert unit.calls == 1


def test_retry_tx_inside_open_transaction_calls_once(connect: Connect, file: Path) -> None:
    connect(file)
    unit = Conflicts(1, OperationalError("database is locked"))
    with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
        retry.retry_tx(unit, using=ALIAS)
    assert unit.calls == 1


def test_retry_tx_after_real_lock_goes_through(connect: Connect, file: Path) -> None:
    connect(file, timeout=0.05)
    outsider = sqlite3.connect(file, isolation_level=None)
    outsider.execute("BEGIN IMMEDIATE")
    calls: list[int] = []

    def unit() -> None:
        calls.append(1)
        if len(calls) == 2:
            outsider.execute("ROLLBACK")
        add_one()

    retry.retry_tx(unit, using=ALIAS)
    outsider.close()
    assert (len(calls), counted(file)) == (2, 1)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back off without waiting."""
    monkeypatch.setattr(retry, "BACKOFF_BASE", timedelta(0))
