"""A mail's row and its attachments as the bytes that a server takes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import sanitize_address

from chatboost.core import files
from chatboost.core.mail import addresses
from chatboost.core.mail.smtp import Envelope

_UNSAFE_IN_NAME = re.compile(r"[\x00-\x1f\x7f\"\\/]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Everything a mail says. `attachments` are `core.File` rows, read only when it is composed."""

    message_id: str
    to: str
    subject: str
    text: str
    html: str
    created_at: datetime
    attachments: tuple[Any, ...] = ()


def compose(letter: Letter) -> Envelope:
    """Build the message. It is the same, header for header, each time it is sent; asks no database.

    Raises: what reading a file raises.
    """
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[letter.to],
        headers={
            "Message-ID": letter.message_id,
            "Date": format_datetime(letter.created_at),
            # No holiday notice answers a machine. Source: RFC 3834 §5.
            "Auto-Submitted": "auto-generated",
        },
    )
    if letter.html:
        message.attach_alternative(letter.html, "text/html")
    for name, content, content_type in _read(letter.attachments):
        message.attach(name, content, content_type)
    built: Any = message.message()
    return Envelope(
        sender=sanitize_address(addresses.sender(), "utf-8"),
        recipient=sanitize_address(letter.to, "utf-8"),
        message=built.as_bytes(linesep="\r\n"),
    )


def _read(attachments: Iterable[Any]) -> Iterable[tuple[str, bytes, str]]:
    for file in attachments:
        with files.open(file) as opened:
            # Bytes, and no encoding guessed: text too is sent as it is.
            yield _UNSAFE_IN_NAME.sub("_", file.name), opened.read(), file.content_type
