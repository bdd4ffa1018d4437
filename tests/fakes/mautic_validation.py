"""Judge a request as Mautic's documentation would, where the contract lies beside the repository."""

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path

CONTRACT = Path(__file__).resolve().parents[2].parent / "shared" / "contracts" / "mautic"
_WHERE = re.compile(r"where\[\d+\]\[(col|expr|val)\]")
_EXPRESSIONS = frozenset({"eq", "neq", "gt", "gte", "lt", "lte", "in"})


def problem_of(method: str, path: str, query: Mapping[str, str]) -> str:
    """Return what is wrong with a request below /api, "" for nothing."""
    known = _endpoints()
    if known and not any(method == each and pattern.fullmatch(path) for each, pattern in known):
        return f"no such endpoint: {method} {path}"
    for name, value in query.items():
        if name not in ("start", "limit", "orderBy", "orderByDir", "search", "minimal", "select[]"):
            if not _WHERE.fullmatch(name):
                return f"no such parameter: {name}"
            if name.endswith("[expr]") and value not in _EXPRESSIONS:
                return f"no such expression: {value}"
    for name in ("start", "limit"):
        if not query.get(name, "0").isdigit():
            return f"{name} is no number"
    return ""


@functools.cache
def _endpoints() -> tuple[tuple[str, re.Pattern[str]], ...]:
    path = CONTRACT / "endpoints.json"
    if not path.is_file():
        return ()
    listed = json.loads(path.read_text(encoding="utf-8"))["endpoints"]
    return tuple((each["method"], _pattern(each["path"])) for each in listed)


def _pattern(path: str) -> re.Pattern[str]:
    plain = path.partition("?")[0].strip("/")
    return re.compile("/".join("[^/]+" if part.isupper() else re.escape(part) for part in plain.split("/")))
