"""Log lines that stay lines: what somebody wrote into a value can't begin a line of its own.

Read by the settings, so nothing here may need them. JSON escapes by itself; this is for the text format.
"""

import io
import logging
import re
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

from structlog import dev

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

# Line ends of every kind, and what makes a terminal do things. A tab is harmless.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")

# Addresses in which a secret lets somebody in: invites, new passwords, proofs of an e-mail address; and
# queries with one, such as a file's `token` and Meta's `hub.verify_token`; and what Google sends a browser
# back with.
_SECRET = re.compile(
    r"(/accounts/(?:invite|confirm-email|password/reset/key)/|/team/invitations/)[^/\s\"'?]{16,}"
    r"|([?&][\w.%]*token=)[^&\s\"']+"
    r"|(/oauth2callback/?\?)[^\s\"']+",
    re.IGNORECASE,
)


def hide_links(logger: Any, name: str, event: MutableMapping[str, Any]) -> Any:
    """Blank what lets somebody in, wherever a path was written: structlog's processor."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _hidden(value)
    return event


class HideLinks(logging.Filter):
    """The same for the web server's own line about each request, which is written by its own handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; none is dropped."""
        if isinstance(record.args, tuple):
            record.args = tuple(_hidden(each) if isinstance(each, str) else each for each in record.args)
        return True


def escape_control_characters(logger: Any, name: str, event: MutableMapping[str, Any]) -> Any:
    """Write control characters of every text as their escapes: structlog's processor."""
    # A rendered stack is ours, and many lines by intent.
    for key, value in event.items():
        if isinstance(value, str) and key != "stack":
            event[key] = _CONTROL.sub(_escape, value)
    return event


def indented_traceback(stream: TextIO, exc_info: _ExcInfo) -> None:
    """Write a traceback without local variables, each line indented, so no line of it passes for a record."""
    plain = io.StringIO()
    dev.plain_traceback(plain, exc_info)
    for line in plain.getvalue().strip("\n").splitlines():
        stream.write(f"\n  {line}")


def _hidden(text: str) -> str:
    return _SECRET.sub(r"\1\2\3•••", text)


def _escape(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode()
