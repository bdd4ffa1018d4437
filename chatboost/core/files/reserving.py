"""Files of an effect: the row with the intent, the bytes in the call, the end with the outcome.

`write` does all three by itself, in three transactions; whoever makes many files does them for many at once.
A worker that dies in between leaves rows that say `writing`, which retention removes with their bytes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from chatboost.core import clock
from chatboost.core.db import rows
from chatboost.core.files import names
from chatboost.core.files.store import MAX_PATH
from chatboost.core.models import File, FileState


@dataclass(frozen=True, slots=True)
class Reserved:
    """A place for a file that has none of its bytes yet."""

    id: int
    uuid: UUID
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What lies at a reserved place now, and what its download is called."""

    id: int
    uuid: UUID
    path: str
    size: int
    sha256: str
    name: str
    content_type: str


def reserve(
    count: int, *, organization_id: int, purpose: str, permission: str, expires_at: datetime | None
) -> list[Reserved]:
    """Write the rows of so many files, in the caller's transaction. One statement."""
    now = clock.now()
    made = [
        File(organization_id=organization_id, purpose=purpose, permission=permission) for _ in range(count)
    ]
    for file in made:
        file.path = f"{purpose}/{organization_id}/{now:%Y}/{now:%m}/{file.uuid}"
        file.name, file.content_type = names.DEFAULT_NAME, names.DEFAULT_TYPE
        file.created_at, file.expires_at = now, expires_at
    rows.create(made)
    return [Reserved(file.pk, file.uuid, file.path) for file in made]


def fill(place: Reserved, content: bytes, *, name: str, content_type: str) -> Filled:
    """Put the bytes there. Asks no database; whatever the storage raises is raised on."""
    path = default_storage.save(place.path, ContentFile(content), max_length=MAX_PATH)
    return Filled(
        id=place.id,
        uuid=place.uuid,
        path=path,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        name=names.clean_name(name),
        content_type=names.clean_type(content_type),
    )


def complete(filled: Sequence[Filled]) -> None:
    """Say that these files are whole, in the caller's transaction. One statement."""
    done = [
        File(
            pk=one.id,
            path=one.path,
            size=one.size,
            sha256=one.sha256,
            name=one.name,
            content_type=one.content_type,
            state=FileState.READY,
        )
        for one in filled
    ]
    rows.update(done, ["path", "size", "sha256", "name", "content_type", "state"])


def give_up(uuids: Sequence[UUID]) -> None:
    """Have retention remove these files with whatever lies at their places, in the caller's transaction."""
    File.objects.filter(uuid__in=uuids).update(expires_at=clock.now())
