"""Files in the three steps of an effect: reserved, filled, completed; what a crash leaves goes by itself."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings

from chatboost.core import clock, files
from chatboost.core.errors import NotFound
from chatboost.core.models import File, FileState

pytestmark = pytest.mark.django_db

ONE_DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _storage(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


def reserve(count: int = 1) -> list[files.Reserved]:
    return files.reserve(
        count,
        organization_id=7,
        purpose="pictures",
        permission="core.view_file",
        expires_at=clock.now() + ONE_DAY,
    )


def remove_expired(now: datetime) -> None:
    for file in files.expired(now):
        files.delete(file)


def test_reserved_file_can_not_be_had_until_it_is_completed() -> None:
    (place,) = reserve()
    filled = files.fill(place, b"picture", name="a.png", content_type="image/png")
    with pytest.raises(NotFound):
        files.get(place.uuid, 7)
    files.complete([filled])
    file = files.get(place.uuid, 7)
    assert (file.size, file.sha256) == (7, hashlib.sha256(b"picture").hexdigest())
    assert (file.name, file.content_type, file.purpose) == ("a.png", "image/png", "pictures")
    with files.open(file) as content:
        assert content.read() == b"picture"


def test_filling_asks_no_database(django_assert_num_queries: object) -> None:
    (place,) = reserve()
    with django_assert_num_queries(0):  # type: ignore[operator]
        files.fill(place, b"picture", name="a.png", content_type="image/png")


def test_many_are_reserved_and_completed_by_one_statement_each(django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        places = reserve(5)
    filled = [files.fill(place, b"x", name="a", content_type="image/png") for place in places]
    with django_assert_num_queries(1):  # type: ignore[operator]
        files.complete(filled)
    assert File.objects.filter(state=FileState.READY).count() == 5


def test_file_that_is_given_up_goes_with_its_bytes() -> None:
    (place,) = reserve()
    files.fill(place, b"picture", name="a.png", content_type="image/png")
    files.give_up([place.uuid])
    remove_expired(clock.now())
    assert not File.objects.exists()
    assert not default_storage.exists(place.path)


def test_file_that_a_crash_left_unfinished_goes_with_its_bytes() -> None:
    (place,) = reserve()
    files.fill(place, b"picture", name="a.png", content_type="image/png")
    remove_expired(clock.now() + 2 * ONE_DAY)
    assert not default_storage.exists(place.path)
