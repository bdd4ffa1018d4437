"""Files that steps make: their places, and what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import structlog
from django.core.files.storage import default_storage

from chatboost.core import files
from chatboost.core.models import File, FileState
from invitations.work.outcomes import Failure, Held

logger = structlog.get_logger(__name__)

PHOTO: Final = "invitation-photo"
CARD: Final = "invitation-card"
PERMISSION: Final = "invitations.view_invitation"
# Assets of the layouts that a process has drawn lately.
_KEPT_ASSETS: Final = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file's bytes are."""

    uuid: UUID
    path: str
    sha256: str


class NotRead(Exception):
    """The storage does not give a file's bytes out."""


def reserve(count: int, organization_id: int, purpose: str) -> list[files.Reserved]:
    """Reserve places for files that are kept as long as their invitations."""
    return files.reserve(
        count, organization_id=organization_id, purpose=purpose, permission=PERMISSION, expires_at=None
    )


def places_of(uuids: Sequence[Any]) -> dict[UUID, Place]:
    """Return where files are that are whole. One query."""
    found = File.objects.filter(uuid__in=[UUID(str(uuid)) for uuid in uuids if uuid], state=FileState.READY)
    return {row[0]: Place(*row) for row in found.values_list("uuid", "path", "sha256")}


def read(place: Place) -> bytes:
    """Return a file's bytes. Asks no database. Raises: NotRead."""
    try:
        with default_storage.open(place.path, "rb") as content:
            data: bytes = content.read()
    except Exception as error:  # whatever storage raises
        logger.warning("invitations_not_read", file=str(place.uuid), exc_info=True)
        raise NotRead from error
    return data


@lru_cache(maxsize=_KEPT_ASSETS)
def read_assets(assets: tuple[tuple[str, Place], ...]) -> dict[str, bytes]:
    """Return the bytes of a layout's assets by name. Raises: NotRead."""
    return {name: read(place) for name, place in assets}


def fill(place: files.Reserved, content: bytes, *, name: str, content_type: str) -> files.Filled | None:
    """Put bytes at a reserved place; None where the storage does not take them."""
    try:
        return files.fill(place, content, name=name, content_type=content_type)
    except Exception:  # whatever storage raises
        logger.warning("invitations_not_stored", file=str(place.uuid), exc_info=True)
        return None


def settle(results: Sequence[tuple[files.Reserved, Any, files.Filled | None, bool]]) -> None:
    """Keep files that were taken, leave those to retention whose bytes may lie about, remove blank rows.

    Each is a place, the outcome (None where nobody knows), what was filled, and whether that was taken.
    """
    kept = [filled for _, _, filled, is_taken in results if filled is not None and is_taken]
    unused: list[UUID] = []
    blank: list[UUID] = []
    for place, outcome, filled, is_taken in results:
        if is_taken:
            continue
        is_blank = isinstance(outcome, Held) or (isinstance(outcome, Failure) and outcome.is_stored)
        (blank if is_blank and filled is None else unused).append(place.uuid)
    files.complete(kept)
    if unused:
        files.give_up(unused)
    if blank:
        File.objects.filter(uuid__in=blank).delete()


def replace(old: UUID | None, new: UUID) -> UUID:
    """Have retention remove a file whose place another one takes; returns the new one."""
    if old is not None and old != new:
        files.give_up([old])
    return new
