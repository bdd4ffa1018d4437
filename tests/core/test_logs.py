"""Log lines: one record is one line whatever is in it, and tasks name the request that sent them."""

import io
import json
import logging
import logging.config
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.conf import settings

from chatboost.core import logs

ROOT = Path(__file__).resolve().parents[2]

INJECTIONS = [
    "\n2026-01-01T00:00:00Z [critical ] forged",
    '\r\n{"event": "forged"}',
    "\x1b[2Jforged",
    "a\x85b\u2028c\u2029d",
    "\x00\x08\x0b\x0c",
]


def records(format: str, log: Any) -> str:
    """Return what `log` writes through the settings' handler in one of its formats."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    described = dict(settings.LOGGING["formatters"][format])
    handler.setFormatter(logging.config.DictConfigurator({}).configure_formatter(described))
    logging.getLogger().addHandler(handler)
    try:
        log()
    finally:
        logging.getLogger().removeHandler(handler)
    return stream.getvalue()


@pytest.mark.parametrize("format", ["json", "text"])
@pytest.mark.parametrize("text", INJECTIONS)
def test_value_that_would_be_a_line_of_its_own_stays_in_its_line(format: str, text: str) -> None:
    def log() -> None:
        structlog.get_logger("test").warning(f"event {text}", value=text, nested={"deep": [text]})
        logging.getLogger("library").warning("Not Found: %s", text)

    written = records(format, log)

    assert len(written.splitlines()) == 2
    assert all(character.isprintable() or character == "\n" for character in written)


@pytest.mark.parametrize("format", ["json", "text"])
def test_exceptions_message_can_not_pass_for_a_record(format: str) -> None:
    def log() -> None:
        try:
            raise ValueError("why\n2026-01-01T00:00:00Z [critical ] forged")
        except ValueError:
            structlog.get_logger("test").exception("failed")

    lines = records(format, log).splitlines()

    assert "forged" in "".join(lines)
    assert [line for line in lines if not line.startswith("  ")] == lines[:1]


def test_json_keeps_what_was_said() -> None:
    text = "line\nline \u2028 ünï"

    (line,) = records("json", lambda: structlog.get_logger("test").warning("said", text=text)).splitlines()

    assert json.loads(line)["text"] == text


@pytest.mark.parametrize(
    "path",
    [
        "/files/4f0c1f9e-98f1-4d8f-9f0e-4f1f0a6f9b1d?token=SECRET",
        "/files/4f0c1f9e-98f1-4d8f-9f0e-4f1f0a6f9b1d/?x=1&token=SECRET&y=2",
        "/whatsapp/webhook?hub.mode=subscribe&hub.verify_token=SECRET&hub.challenge=7",
        "/whatsapp/webhook?hub%2Everify_token=SECRET",
    ],
)
def test_secret_of_a_query_is_in_no_log_line(path: str) -> None:
    record = logging.makeLogRecord({"msg": '%s - "%s %s" %d', "args": ("127.0.0.1", "GET", path, 200)})
    assert logs.HideLinks().filter(record)
    event = logs.hide_links(None, "warning", {"event": f"Forbidden: {path}", "request": f"GET {path}"})

    for text in (record.getMessage(), *event.values()):
        assert ("SECRET" in text, "=•••" in text) == (False, True)
        assert ("hub.challenge=7" in text) == ("hub.challenge=7" in path)


@pytest.fixture(scope="module")
def worker_log(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What a worker logged, in production's format, while it ran one task."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "chatboost.settings.test",
        "CHATBOOST_ENV_FILE": "",
        "CHATBOOST_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "CELERY_BROKER_URL": "memory://",
        "LOG_FORMAT": "json",
        # Celery warns superusers on stderr before anything can be set up.
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.core.log_worker"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_worker_logs_one_json_object_a_line(worker_log: list[dict[str, Any]]) -> None:
    assert all({"event", "level", "logger", "timestamp"} <= set(record) for record in worker_log)
    assert any("ready" in record["event"] for record in worker_log)


def test_task_logs_its_id_and_that_of_the_request_that_sent_it(worker_log: list[dict[str, Any]]) -> None:
    (said,) = [record for record in worker_log if record["event"] == "said"]

    assert (said["request_id"], said["text"]) == ("abc-1", "one\ntwo")
    assert said["task_id"]
    (forged,) = [record for record in worker_log if record["logger"] == "library"]
    assert forged["request_id"] == "abc-1"
