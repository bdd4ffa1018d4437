"""Files in a folder of the test's own, and nothing that another test has been told to wait for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from invitations import pauses, renderers
from tests.invitations import outside as worlds
from tests.invitations.outside import Outside


@pytest.fixture(autouse=True)
def _folder(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    # Redis has a clock of its own, which no test can move: limits are counted in the database.
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    pauses.forget()


@pytest.fixture(scope="module", autouse=True)
def _end_children() -> Iterator[None]:
    """End the renderer's children with the module: others count the processes there are."""
    yield
    if renderers.pool.cache_info().currsize:
        renderers.pool().close()
        renderers.pool.cache_clear()


@pytest.fixture
def outside(settings: Settings) -> Iterator[Outside]:
    with worlds.running() as found:
        worlds.known(found, settings)
        yield found
