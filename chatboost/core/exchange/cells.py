"""Cells that a spreadsheet would take for a formula. Pure.

Source: OWASP, CSV Injection (= + - @ tab, return); full-width forms, which some programs fold to them.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

GUARD: Final = "'"
DANGEROUS: Final = "=+-@\t\r\n\x00＝＋－＠"

_SET = frozenset(DANGEROUS)
_GUARDED = re.compile(f"\n{GUARD}[{re.escape(DANGEROUS)}]")
# What no XML can hold. Source: XML 1.0 (5th edition), 2.2 Char.
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def guarded(text: str) -> str:
    """Return a cell that a spreadsheet shows and never computes: what could be a formula gets a quote."""
    first = text.lstrip(" ")[:1]
    return f"{GUARD}{text.replace(chr(0), '')}" if first and first in _SET else text.replace("\x00", "")


def unguarded(values: Sequence[str]) -> list[str]:
    """Take away the quotes that `guarded` has put, so that an export can be imported again."""
    if _GUARDED.search("\n" + "\n".join(values)) is None:
        return list(values)
    return [
        value[1:] if value[:1] == GUARD and value[1:2] and value[1] in _SET else value for value in values
    ]


def for_xlsx(value: Any) -> str:
    """Return a text that XLSX can hold; stored as a text it needs no quote."""
    return _ILLEGAL.sub("", text_of(value))


def text_of(value: Any) -> str:
    """Return a value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
