"""Typed access to the environment, and the values a single machine makes for itself.

Names are CHATBOOST_* or the vendors' and the older systems' own. `.env` in the project folder is read
first; a variable that is already set wins over it, and one that the file leaves empty is not set.
"""

import io
import json
import os
import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

import environ
from cryptography.fernet import Fernet

BASE_DIR = Path(__file__).resolve().parents[2]

env = environ.Env()

_EMPTY = re.compile(r"(?:export )?\w+=\s*")


def _read_env_file() -> None:
    """Load `.env`, or the file that CHATBOOST_ENV_FILE names (empty: none)."""
    name = os.environ.get("CHATBOOST_ENV_FILE", str(BASE_DIR / ".env"))
    if name and Path(name).is_file():
        # Set to nothing, a variable would take the place of its default. `NAME=""` says that this is meant.
        lines = Path(name).read_text(encoding="utf-8").splitlines()
        env.read_env(io.StringIO("\n".join(line for line in lines if not _EMPTY.fullmatch(line))))


# Before any module of the settings asks for a variable.
_read_env_file()


def database(url: str) -> dict[str, Any]:
    """Turn a DATABASE_URL into Django's settings; `sqlite+aiosqlite://` of the older system is taken too."""
    scheme, _, rest = url.partition("://")
    scheme = scheme.split("+")[0]
    parsed: dict[str, Any] = dict(environ.Env.db_url_config(f"{scheme}://{rest}"))
    if scheme == "sqlite":
        return _sqlite(parsed)
    return _postgresql(parsed)


def rabbitmq_url(*, host: str, port: int, user: str, password: str) -> str:
    """Join what the older system has as four variables."""
    return f"amqp://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}//"


def _sqlite(parsed: dict[str, Any]) -> dict[str, Any]:
    # synchronous=FULL: a webhook answered 200 must survive a power cut.
    pragmas = (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        "PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=27103364;"
    )
    return {
        **parsed,
        "ENGINE": "chatboost.core.db.sqlite",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": pragmas},
    }


def _postgresql(parsed: dict[str, Any]) -> dict[str, Any]:
    # A pool in the web process only: Celery rebuilds it around every task.
    session = {
        # Milliseconds.
        "statement_timeout": 15_000,
        "lock_timeout": 5_000,
        "idle_in_transaction_session_timeout": 15_000,
        # To compile a query takes 50 ms, and most of ours 1 ms, whatever the planner guesses.
        "jit": "off",
    }
    options: dict[str, Any] = {
        # Seconds. A host that is gone must not hold a request for minutes.
        "connect_timeout": 5,
        **parsed.get("OPTIONS", {}),
        "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
    }
    if env.bool("DB_POOL", default=False):
        options["pool"] = {"min_size": 2, "max_size": 8, "timeout": 10}
    return {
        **parsed,
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0 if "pool" in options else 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


def local_secrets(data_dir: Path) -> dict[str, str]:
    """Return this machine's own secrets, made at first use in the data folder with mode 600."""
    path = data_dir / "secrets.json"
    if not path.exists():
        _create_once(path, _new_secrets())
    return dict(json.loads(path.read_text()))


def _new_secrets() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SIGNING_KEY": secrets.token_urlsafe(48),
        "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "WHATSAPP_APP_SECRET": secrets.token_hex(16),
        "WHATSAPP_WEBHOOK_VERIFY_TOKEN": secrets.token_urlsafe(16),
    }


def _create_once(path: Path, values: dict[str, str]) -> None:
    """Write the file whole or not at all; when two processes race, the first one's values stand."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(values, file, indent=1)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
