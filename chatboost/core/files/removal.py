"""Removing files: the bytes first, so that a crash in between leaves a row that says where to look."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet

from chatboost.core.models import File, FileState

# Nobody writes one file for so long.
UNFINISHED_AFTER = timedelta(days=1)


def delete(file: File) -> None:
    """Remove a file. Bytes that are gone already are no error."""
    remove_bytes(file.path)
    with transaction.atomic():
        File.objects.filter(pk=file.pk).delete()


def expired(now: datetime) -> QuerySet[Any, Any]:
    """Return the files that retention may remove: past their time, or left unfinished by a crash."""
    unfinished = Q(state=FileState.WRITING, created_at__lt=now - UNFINISHED_AFTER)
    rows: QuerySet[Any, Any] = File.objects.filter(Q(expires_at__lte=now) | unfinished)
    return rows


def remove_bytes(path: str) -> None:
    """Remove a file's bytes from the storage, which takes its time: outside of transactions."""
    try:
        default_storage.delete(path)
    except FileNotFoundError:
        pass


def forget(ids: Iterable[int]) -> None:
    """Remove the rows of files whose bytes are gone."""
    File.objects.filter(pk__in=list(ids)).delete()
