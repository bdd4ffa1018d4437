"""Databases, processes and ports for a row; everything on loopback, gone afterwards."""

import atexit
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parents[1]
APP_SECRET = "bench-app-secret"
TEMPLATE = "bench_template"
START_TIMEOUT = 60.0
# Kept, since `setup_django` changes the variable.
SERVER_URL = os.environ.get("DATABASE_URL", "")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def database(name: str, *, is_product: bool = False) -> Iterator[str]:
    """Yield the URL of a fresh PostgreSQL database; with the product's tables, if asked for."""
    if is_product:
        _make_template()
    template = f" TEMPLATE {TEMPLATE}" if is_product else ""
    _administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}{template}")
    try:
        yield _url(name)
    finally:
        _administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def count(url: str, sql: str) -> int:
    """Return the number that a query answers."""
    with psycopg.connect(url) as connection:
        row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def product_environment(url: str, **more: str) -> dict[str, str]:
    """Return the environment of a production process on that database, without secrets worth keeping."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "chatboost.settings.prod",
        "CHATBOOST_ENV_FILE": "",
        "CHATBOOST_DATA_DIR": _data_folder(),
        "DATABASE_URL": url,
        "PUBLIC_BASE_URL": "http://127.0.0.1",
        "SECRET_KEY": "bench-secret-key",
        "JWT_SIGNING_KEY": "bench-signing-key-of-enough-bytes-for-hs256",
        "FIELD_ENCRYPTION_KEYS": "YmVuY2hiZW5jaGJlbmNoYmVuY2hiZW5jaGJlbmNoYmU=",
        "WHATSAPP_APP_SECRET": APP_SECRET,
        "LOG_LEVEL": "ERROR",
        **more,
    }


def setup_django(url: str, **more: str) -> None:
    """Load the product into this process, on that database."""
    import django

    os.environ.update(product_environment(url, **more))
    django.setup()


@contextmanager
def process(
    *command: str, environment: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside the rounds; yield when it listens on `port`, stop it and its children after."""
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment or os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            if port is not None:
                _await_port(started, port)
            yield started
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-4000:].decode(errors="replace"))
            raise
        finally:
            _stop(started)


def python(*arguments: str) -> tuple[str, ...]:
    """Return the command of this interpreter."""
    return (sys.executable, *arguments)


def run(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return done.stdout


@functools.cache
def _data_folder() -> str:
    folder = tempfile.mkdtemp(prefix="chatboost-bench-data-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _make_template() -> None:
    if count(_url(), f"SELECT count(*) FROM pg_database WHERE datname = '{TEMPLATE}'"):
        return
    draft = f"{TEMPLATE}_draft"
    _administer(f"DROP DATABASE IF EXISTS {draft}", f"CREATE DATABASE {draft}")
    run(python("manage.py", "migrate", "--verbosity", "0"), product_environment(_url(draft)))
    _administer(f"ALTER DATABASE {draft} RENAME TO {TEMPLATE}")


def _administer(*statements: str) -> None:
    execute(_url(), *statements)


def _url(name: str | None = None) -> str:
    parts = urlsplit(SERVER_URL)
    return urlunsplit(parts if name is None else parts._replace(path=f"/{name}"))


def _await_port(started: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + START_TIMEOUT
    while time.monotonic() < ends:
        if started.poll() is not None:
            raise RuntimeError(f"{started.args!r} ended with {started.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"{started.args!r} does not listen on {port}")


def _stop(started: subprocess.Popen[bytes]) -> None:
    if started.poll() is None:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(15)
        except subprocess.TimeoutExpired:
            pass
    try:  # the session is ours alone: whatever of it is left goes, too
        os.killpg(started.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    started.wait()
