"""Files: whole or not there, named harmlessly, and gone with their bytes."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from pytest_django import Settings

from chatboost.core import clock, files
from chatboost.core.errors import NotFound
from chatboost.core.files import names, work
from chatboost.core.models import File, FileState, WorkItem, WorkState
from chatboost.core.ticks import firing
from chatboost.core.work import drain
from tests.core.stored import CONTENT, write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _storage(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


# Writing


def test_file_is_kept_whole_with_its_sum() -> None:
    file = write()
    stored = File.objects.get()
    assert (stored.size, stored.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert stored.state == FileState.READY
    with files.open(file) as content:
        assert content.read() == CONTENT


def test_file_lies_by_purpose_organization_and_month() -> None:
    file = write()
    assert file.path == f"exports/1/{clock.now():%Y/%m}/{file.uuid}"


def test_empty_file_is_a_file() -> None:
    file = write(chunks=[])
    with files.open(file) as content:
        assert (file.size, content.read()) == (0, b"")


@pytest.mark.django_db(transaction=True)
def test_writing_inside_a_transaction_is_refused() -> None:
    with pytest.raises(files.InTransaction), transaction.atomic():
        write()
    assert not File.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_chunks_are_made() -> None:
    seen = []

    def chunks() -> Iterator[bytes]:
        seen.append((transaction.get_connection().in_atomic_block, File.objects.get().state))
        yield b"x"

    write(chunks=chunks())
    assert seen == [(False, FileState.WRITING)]


def test_chunks_that_raise_leave_nothing() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the source is gone")

    with pytest.raises(OSError, match="the source is gone"):
        write(chunks=chunks())
    assert not File.objects.exists()
    assert not [path for path in Path(default_storage.location).rglob("*") if path.is_file()]


def test_large_file_is_never_in_memory_at_once() -> None:
    largest = 0

    def chunks() -> Iterator[bytes]:
        nonlocal largest
        for _ in range(200):
            path = next(Path(default_storage.location).rglob("*-*-*-*-*"), None)
            written = path.stat().st_size if path else 0
            made = 65536 * _
            largest = max(largest, made - written)
            yield b"x" * 65536

    file = write(chunks=chunks())
    assert file.size == 200 * 65536
    assert largest < 1_000_000


# Names and types


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("report.csv", "report.csv"),
        ("Bericht März.xlsx", "Bericht März.xlsx"),
        ("رپورٹ.csv", "رپورٹ.csv"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\temp\\a.csv", "C:_temp_a.csv"),
        ('a"b\r\nSet-Cookie: x=1.csv', 'a"bSet-Cookie: x=1.csv'),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\u2028b\x00\x1b.csv", "ab.csv"),
        ("\ud800.csv", "csv"),
        ("", "file"),
        (" .. ", "file"),
        (f"{'a' * 300}.csv", f"{'a' * 196}.csv"),
        ("b" * 300, "b" * 200),
    ],
)
def test_name_is_cleaned(given: str, kept: str) -> None:
    assert names.clean_name(given) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("text/csv", "text/csv"),
        ("text/csv; charset=utf-8", "text/csv; charset=utf-8"),
        ("application/vnd.ms-excel", "application/vnd.ms-excel"),
        ("text/html\r\nX-Evil: 1", names.DEFAULT_TYPE),
        ("nonsense", names.DEFAULT_TYPE),
        ("", names.DEFAULT_TYPE),
        (f"text/{'x' * 200}", names.DEFAULT_TYPE),
    ],
)
def test_content_type_is_cleaned(given: str, kept: str) -> None:
    assert names.clean_type(given) == kept


# Finding


def test_file_of_other_organization_is_not_found() -> None:
    with pytest.raises(NotFound):
        files.get(write().uuid, 2)


def test_file_is_not_found_from_the_moment_it_expires() -> None:
    file = write(expires_in=timedelta(hours=1))
    assert file.expires_at is not None
    with clock.frozen(file.expires_at - timedelta(seconds=1)):
        assert files.get(file.uuid, 1) == file
    with clock.frozen(file.expires_at), pytest.raises(NotFound):
        files.get(file.uuid, 1)


def test_file_that_is_not_whole_is_not_found() -> None:
    file = write()
    File.objects.update(state=FileState.WRITING)
    with pytest.raises(NotFound):
        files.get(file.uuid, 1)


# Removing


def test_deleting_takes_the_bytes_and_the_row() -> None:
    file = write()
    files.delete(file)
    assert not default_storage.exists(file.path)
    assert not File.objects.exists()


def test_retention_finds_what_expired_and_what_a_crash_left() -> None:
    kept, expiring, unfinished = write(), write(expires_in=timedelta(days=3)), write()
    File.objects.filter(pk=unfinished.pk).update(state=FileState.WRITING)
    now = clock.now()
    found = [set(files.expired(now + timedelta(days=days))) for days in (0, 2, 4)]
    assert found == [set(), {unfinished}, {expiring, unfinished}]
    assert kept not in found[-1]


def expire(*, after: timedelta = timedelta(hours=2)) -> None:
    """Let retention run, and the work that it owes."""
    with clock.frozen(clock.now() + after):
        firing.fire("retention: files", now=clock.now())
        drain.drain("maintenance")


def test_expired_files_go_with_their_bytes_also_those_that_are_gone() -> None:
    here, gone, kept = (write(expires_in=timedelta(hours=hours)) for hours in (1, 1, 3))
    Path(default_storage.path(gone.path)).unlink()
    expire()
    assert list(File.objects.all()) == [kept]
    assert not default_storage.exists(here.path)
    assert not WorkItem.objects.filter(kind=work.KIND).exists()


def test_file_that_can_not_be_removed_holds_up_no_other() -> None:
    blocked, free = write(expires_in=timedelta(hours=1)), write(expires_in=timedelta(hours=1))
    path = Path(default_storage.path(blocked.path))
    path.unlink()
    (path / "in the way").mkdir(parents=True)
    expire()
    assert list(File.objects.all()) == [blocked]
    assert not default_storage.exists(free.path)
    expire(after=timedelta(hours=4))
    item = WorkItem.objects.get(kind=work.KIND)
    assert (item.subject_id, item.organization_id, item.error_count) == (blocked.pk, 0, 2)

    (path / "in the way").rmdir()
    path.rmdir()
    expire(after=timedelta(hours=8))
    assert not File.objects.exists()


def test_removal_that_was_given_up_is_owed_again() -> None:
    file = write(expires_in=timedelta(hours=1))
    with transaction.atomic():
        work.order(File.objects.all())
    WorkItem.objects.filter(kind=work.KIND).update(state=WorkState.DEAD, error_count=8)
    expire()
    assert not File.objects.exists()
    assert not WorkItem.objects.filter(kind=work.KIND).exists()
    assert not default_storage.exists(file.path)


@pytest.mark.parametrize("state", [WorkState.READY, WorkState.SCHEDULED, WorkState.LEASED])
def test_removal_that_waits_or_runs_is_not_owed_again(state: WorkState) -> None:
    file = write(expires_in=timedelta(hours=1))
    later = clock.now() + timedelta(hours=2)
    assert list(work.unordered(later)) == [file]
    with transaction.atomic():
        work.order(File.objects.all())
    WorkItem.objects.filter(kind=work.KIND).update(state=state)
    assert not work.unordered(later).exists()


def test_file_that_is_kept_for_longer_after_all_is_left_alone() -> None:
    file = write(expires_in=timedelta(hours=1))
    with transaction.atomic():
        work.order(File.objects.all())
    drain.drain("maintenance")
    assert default_storage.exists(file.path)
    assert File.objects.exists()
