"""Who may import whom: the contracts hold, and a planted upward import breaks them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    *("chatboost", "teams", "flows", "triggers", "campaigns"),
    *("assistant", "invitations", "compression", "analytics"),
]
LINT = Path(sys.executable).with_name("lint-imports")

# What is planted, and where: an upward import, a sibling, HTTP outside its room, Django in a pure core.
PLANTED = [
    ("chatboost/core/clock.py", "import teams.roles"),
    ("teams/roles.py", "import chatboost.messaging.gate"),
    ("chatboost/messaging/gate.py", "import flows.models"),
    ("triggers/services/triggers.py", "import campaigns"),
    ("flows/services/flows.py", "import requests"),
    ("flows/engine/run.py", "import django.conf"),
    ("compression/apps.py", "import flows.engine.run"),
    ("compression/codec/compressing.py", "import django.conf"),
    ("chatboost/core/pictures/decoding.py", "import django.conf"),
    ("chatboost/core/isolation/worker.py", "import chatboost.core.clock"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "static")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_contracts_of_the_project_are_kept(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("place", "line"), PLANTED)
def test_planted_import_breaks_a_contract(copy: Path, place: str, line: str) -> None:
    path = copy / place
    original = path.read_text()
    path.write_text(f"{original}\n{line}\n")
    try:
        done = lint(copy)
    finally:
        path.write_text(original)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout
