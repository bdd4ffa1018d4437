"""Starting imports and exports: the file is stored, the job is written."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from chatboost.core import audit, files, jobs
from chatboost.core.errors import ValidationFailed
from chatboost.core.exchange import kinds, staging, writing
from chatboost.core.exchange.errors import FileRefused, FileTooLarge
from chatboost.core.models import File, Job


def store(*, organization_id: int, permission: str, name: str, chunks: Iterable[bytes]) -> File:
    """Keep an uploaded file for an import, in a stream. Outside of a transaction.

    Raises: FileRefused (`file_too_large, empty_file`).
    """
    file = files.write(
        organization_id=organization_id,
        purpose=staging.PURPOSE,
        permission=permission,
        name=name,
        content_type="application/octet-stream",
        chunks=_limited(chunks),
        expires_in=staging.KEPT,
    )
    if not file.size:
        files.delete(file)
        raise FileRefused("The file is empty.", code="empty_file")
    return file


@transaction.atomic
def start_import(
    *,
    kind: str,
    organization_id: int,
    actor: Any,
    file: UUID,
    options: staging.Options,
    is_dry_run: bool = False,
) -> Job:
    """Start importing a stored file. Raises: NotFound for a file, or a kind, that is not there."""
    kinds.import_kind(kind)
    source = files.get(file, organization_id)
    given: dict[str, Any] = {"file": str(file), "name": source.name, "dry_run": is_dry_run}
    given |= {"charset": options.charset, "delimiter": options.delimiter, "mapping": dict(options.mapping)}
    job = jobs.start(organization_id=organization_id, actor=actor, kind=kind, input=given)
    if not is_dry_run:
        _note(job, actor, "import.started", {"file": (None, source.name)})
    return job


@transaction.atomic
def start_export(
    *, kind: str, organization_id: int, actor: Any, format: str, filters: Mapping[str, Any] | None = None
) -> Job:
    """Start exporting rows into a file. Raises: ValidationFailed (`unknown_format`)."""
    if format not in writing.FORMATS:
        known = ", ".join(writing.FORMATS)
        raise ValidationFailed(f"There is no such format; known: {known}.", code="unknown_format")
    given = {"format": format, "filters": dict(filters or {})}
    job = jobs.start(organization_id=organization_id, actor=actor, kind=kind, input=given)
    _note(job, actor, "export.started", {"format": (None, format), "filters": (None, given["filters"])})
    return job


def _note(job: Job, actor: Any, verb: str, changes: audit.Changes) -> None:
    # Who took people's data in or out must be known when the job and its file are long gone.
    changes = {"kind": (None, job.kind), **changes}
    audit.record(actor=actor, verb=verb, object=job, changes=changes, organization_id=job.organization_id)


def _limited(chunks: Iterable[bytes]) -> Iterable[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > settings.IMPORT_MAX_BYTES:
            raise FileTooLarge
        yield chunk
