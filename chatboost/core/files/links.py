"""Addresses of files: plain ones ask for a role, signed ones open the file to whoever holds them."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer

from chatboost.core import clock
from chatboost.core.models import File

SALT = "core.files.link"
LASTS = timedelta(hours=24)


def address(uuid: UUID) -> str:
    """Return a file's absolute address, for callers whose role holds the file's permission."""
    return f"{settings.PUBLIC_BASE_URL}/files/{uuid}"


def link(file: File, expires_in: timedelta = LASTS) -> str:
    """Return an absolute address that opens the file without an account until it expires."""
    return f"{address(file.uuid)}?token={token(file.uuid, clock.now() + expires_in)}"


def token(uuid: UUID, until: datetime) -> str:
    """Return what opens a file until then, for a room's own address of it."""
    return Signer(salt=SALT).sign(f"{uuid.hex}.{int(until.timestamp())}")


def is_valid(token: str, uuid: UUID) -> bool:
    """Tell whether a token was signed for this file and has not expired."""
    try:
        signed_for, until = Signer(salt=SALT).unsign(token).split(".")
    except (BadSignature, ValueError):
        return False
    return signed_for == uuid.hex and clock.now().timestamp() < int(until)
