"""Huge files cost time, and no memory: read in a process that is weighed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core import corpus_exchange

pytestmark = pytest.mark.proof

ROOT = Path(__file__).resolve().parents[2]
MOST = 150 * 2**20

FILES = {
    "a million columns.csv": (lambda: b"," * 1_000_000, "empty_file"),
    "a million named columns.csv": (lambda: b"a," * 1_000_000, "too_many_columns"),
    "a million columns.xlsx": (
        lambda: corpus_exchange.xlsx(corpus_exchange.sheet(corpus_exchange.row("<c/>" * 1_000_000))),
        "too_many_columns",
    ),
    "a million texts.xlsx": (lambda: corpus_exchange.many_strings(1_000_000), "read"),
    "a bomb.xlsx": (lambda: corpus_exchange.zeros(200), "malformed_spreadsheet"),
    "a bomb in a tag.xlsx": (
        lambda: corpus_exchange.xlsx("<worksheet a='" + "x" * 100_000_000 + "'/>", level=1),
        "unsafe_xml",
    ),
    "a bomb in a text.xlsx": (
        lambda: corpus_exchange.xlsx(
            corpus_exchange.sheet(corpus_exchange.row(corpus_exchange.inline("x" * 100_000_000))), level=1
        ),
        "missing_heading|heading_too_long",
    ),
    "quotes.csv": (lambda: b'phone,note\n+15550001111,"' + b"a\n" * 20_000_000, "unclosed_quote"),
    "rows.csv": (lambda: b"phone,first_name\n" + b"+15550001111,Ada\n" * 900_000, "read"),
    "an array.json": (lambda: b"[" + b"[" * 50_000_000, "malformed_json"),
    "spaces.json": (lambda: b"[" + b" " * 50_000_000, "malformed_json"),
}


def test_memory_stays_flat(tmp_path: Path) -> None:
    for name, (make, _) in FILES.items():
        (tmp_path / name).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-m", "tests.core.exchange_memory", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "chatboost.settings.test"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    expected = {name: outcome.split("|") for name, (_, outcome) in FILES.items()}
    expected["a gigabyte in a line"] = ["line_too_long"]
    assert {name: code in expected[name] for name, code in told["found"].items()} == dict.fromkeys(
        expected, True
    )
    assert {name: grown for name, grown in told["grown"].items() if grown > MOST} == {}
