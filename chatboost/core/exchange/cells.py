"""Cells that a spreadsheet would take for a formula. Pure.

Source: OWASP, CSV Injection (= + - @ tab, return); full-width forms, which some programs fold to them.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

GUARD: Final = "'"
DANGEROUS: Final = "=+-@\t\r\n\x00＝＋－＠"

# A text that looks as if it were guarded gets one quote more, so that taking one away gives it back.
_TO_GUARD = re.compile(f"{GUARD}* *[{re.escape(DANGEROUS)}]")
_GUARDED = re.compile(f"{GUARD}+ *[{re.escape(DANGEROUS)}]")
_ANY_GUARDED = re.compile(f"\n{_GUARDED.pattern}")
# What no XML can hold. Source: XML 1.0 (5th edition), 2.2 Char.
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def guarded(text: str) -> str:
    """Return a cell that a spreadsheet shows and never computes: what could be a formula gets a quote."""
    text = text.replace("\x00", "")
    return f"{GUARD}{text}" if _TO_GUARD.match(text) else text


def unguarded(values: Sequence[str]) -> list[str]:
    """Take away the quotes that `guarded` has put, so that an export can be imported again."""
    if _ANY_GUARDED.search("\n" + "\n".join(values)) is None:
        return list(values)
    return [value[1:] if _GUARDED.match(value) else value for value in values]


def for_xlsx(value: Any) -> str:
    """Return a text that XLSX can hold; stored as a text it needs no quote, unless it seems to have one."""
    text = _ILLEGAL.sub("", text_of(value))
    return f"{GUARD}{text}" if _GUARDED.match(text) else text


def text_of(value: Any) -> str:
    """Return a value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
