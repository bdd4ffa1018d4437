"""An image host on loopback, opened by the explicit setting, and files in a folder of the test's own."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from compression import encoding
from tests.fakes.images import ImageHost


@pytest.fixture(autouse=True)
def _folder(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    # Redis has a clock of its own, which no test can move: the pace is counted in the database.
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture(scope="module", autouse=True)
def _end_children() -> Iterator[None]:
    """End the codec's children with the module: others count the processes there are."""
    yield
    if encoding._pool.cache_info().currsize:
        encoding._pool().close()
        encoding._pool.cache_clear()


@pytest.fixture
def host(settings: Settings) -> Iterator[ImageHost]:
    with ImageHost() as running:
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [running.authority]
        settings.COMPRESSION_FETCH_DEADLINE = timedelta(seconds=2)
        settings.COMPRESSION_HOST_RATE = ""
        yield running
