"""Writing files into the storage and finding them again."""

import io
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.core.files import File as Content
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet

from chatboost.core import clock
from chatboost.core.errors import NotFound
from chatboost.core.files import names, removal, streams
from chatboost.core.models import File, FileState

logger = structlog.get_logger(__name__)

BLOCK = 64 * 1024
MAX_PATH = 200


class InTransaction(RuntimeError):
    """A file was to be written inside a transaction, which would stay open, and hold its locks, meanwhile."""


def write(
    *,
    organization_id: int,
    purpose: str,
    permission: str,
    name: str,
    content_type: str,
    chunks: Iterable[bytes],
    expires_in: timedelta | None,
) -> File:
    """Stream chunks into the storage and return the file, ready.

    `permission` is what a role must hold to fetch it without a signed link, `name` what a download is called.
    What the chunks or the storage raise is raised on; nothing is left of the file then, or, where the storage
    does not let go of it, a row that says `writing`, which retention removes with its bytes.

    Raises: InTransaction.
    """
    now = clock.now()
    file = File(
        organization_id=organization_id,
        purpose=purpose,
        permission=permission,
        name=names.clean_name(name),
        content_type=names.clean_type(content_type),
        created_at=now,
        expires_at=now + expires_in if expires_in is not None else None,
    )
    file.path = f"{purpose}/{organization_id}/{now:%Y}/{now:%m}/{file.uuid}"
    _note(file)
    try:
        return _fill(file, chunks)
    except BaseException:
        _clear(file)
        raise


def get(uuid: UUID, organization_id: int) -> File:
    """Return a file of the organization that is whole and has not expired. Raises: NotFound."""
    file = ready().filter(uuid=uuid, organization_id=organization_id).first()
    if file is None:
        raise NotFound("No such file.")
    return file


def ready() -> QuerySet[Any, Any]:
    """Return the files of all organizations that are whole and have not expired."""
    is_current = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    rows: QuerySet[Any, Any] = File.objects.filter(is_current, state=FileState.READY)
    return rows


def open(file: File) -> Content[bytes]:
    """Open a file's bytes for reading; the caller closes. Raises: NotFound when the storage lost them."""
    try:
        return default_storage.open(file.path, "rb")
    except FileNotFoundError as error:
        raise NotFound("The file is not in the storage any more.") from error


def _note(file: File) -> None:
    try:
        with transaction.atomic(durable=True):
            file.save()
    except RuntimeError as error:  # what a durable block raises inside another one
        raise InTransaction("files.write() takes its time: call it outside of a transaction") from error


def _clear(file: File) -> None:
    try:
        removal.delete(file)
    except Exception:  # whatever storage raises: the reason for clearing is the one to be told
        logger.warning("file_left_unfinished", file=file.pk, exc_info=True)


def _fill(file: File, chunks: Iterable[bytes]) -> File:
    meter = streams.Meter(chunks)
    file.path = default_storage.save(file.path, Content(io.BufferedReader(meter, BLOCK)), max_length=MAX_PATH)
    file.size, file.sha256, file.state = meter.size, meter.sha256, FileState.READY
    with transaction.atomic():
        file.save(update_fields=["path", "size", "sha256", "state"])
    return file
