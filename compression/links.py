"""Addresses of images: signed ones open an image to whoever holds them, as long as it is kept."""

from datetime import datetime
from uuid import UUID

from django.conf import settings

from chatboost.core import files


def base() -> str:
    """Return where this installation is."""
    return str(settings.PUBLIC_BASE_URL)


def image(file_uuid: UUID, until: datetime) -> str:
    """Return the absolute address of an image that needs no account until then."""
    return f"{base()}/compression/image/{file_uuid}?token={files.token(file_uuid, until)}"


def image_path(file_uuid: UUID) -> str:
    """Return an image's address for a page: its visitor's role opens it."""
    return f"/compression/image/{file_uuid}"
