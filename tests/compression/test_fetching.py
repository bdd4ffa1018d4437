"""Fetching: which private place may be called."""

from pytest_django import Settings

from compression import demo_pictures


def test_demo_opens_its_own_pictures_and_nothing_else(settings: Settings) -> None:
    settings.COMPRESSION_DEMO_PICTURES, settings.PORT = True, 8123
    own = f"http://127.0.0.1:8123{demo_pictures.PATH}"
    assert demo_pictures.is_own(f"{own}{demo_pictures.name_of(3)}")
    for other in (f"{own}../../metrics", f"{own}other.jpg", "http://127.0.0.1:8123/metrics", own):
        assert not demo_pictures.is_own(other)


def test_without_the_setting_the_demo_opens_nothing(settings: Settings) -> None:
    settings.PORT = 8123
    assert not demo_pictures.is_own(f"http://127.0.0.1:8123{demo_pictures.PATH}{demo_pictures.name_of(3)}")
