"""`.env.example` and the settings name the same variables."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Read by the parent shell or by the tests, not settings of the product.
ELSEWHERE = {"DJANGO_SETTINGS_MODULE"}

# Hands the environment on to the processes it starts.
STARTS_PROCESSES = Path("chatboost/core/supervisor")


def read_by_settings() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "chatboost" / "settings").glob("*.py"):
        text = path.read_text()
        found |= set(re.findall(r"env(?:\.\w+)?\(\s*[\"']([A-Z][A-Z0-9_]+)[\"']", text))
        found |= set(re.findall(r'environ\.(?:get|setdefault)\(\s*"([A-Z][A-Z0-9_]+)"', text))
    return found - ELSEWHERE


def test_example_names_every_variable_that_is_read() -> None:
    text = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    assert named == read_by_settings()


def test_environment_is_read_only_in_settings() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for package in (
            "chatboost",
            "teams",
            "flows",
            "triggers",
            "campaigns",
            "assistant",
            "invitations",
            "compression",
            "analytics",
        )
        for path in (ROOT / package).rglob("*.py")
        if "settings" not in path.parts
        and STARTS_PROCESSES not in path.relative_to(ROOT).parents
        and re.search(r"os\.environ(?!\.setdefault\(\"DJANGO_SETTINGS_MODULE)|os\.getenv", path.read_text())
    ]
    assert offenders == []
