"""Removing files: the bytes first, so that a crash in between leaves a row that says where to look."""

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
    _forget(file)
    with transaction.atomic():
        File.objects.filter(pk=file.pk).delete()


def expired(now: datetime) -> QuerySet[Any, Any]:
    """Return the files that retention may remove: past their time, or left unfinished by a crash."""
    unfinished = Q(state=FileState.WRITING, created_at__lt=now - UNFINISHED_AFTER)
    rows: QuerySet[Any, Any] = File.objects.filter(Q(expires_at__lte=now) | unfinished)
    return rows


def remove(files: QuerySet[Any, Any]) -> None:
    """Remove files with their bytes."""
    found = list(files.only("id", "path"))
    for file in found:
        _forget(file)
    with transaction.atomic():
        File.objects.filter(pk__in=[file.pk for file in found]).delete()


def _forget(file: File) -> None:
    try:
        default_storage.delete(file.path)
    except FileNotFoundError:
        pass
