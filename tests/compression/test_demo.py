"""The demo: twenty pictures that are drawn, served and compressed; nothing of it without the setting."""

import io

import pytest
from django.test import RequestFactory
from PIL import Image
from pytest_django import Settings

from chatboost.core import clock
from compression import demo, demo_pictures, demo_views, table
from compression.models import CompressionRequest
from teams.models import Organization


def test_every_picture_is_one_of_the_format_that_its_name_says() -> None:
    for number in range(1, demo_pictures.COUNT + 1):
        picture = Image.open(io.BytesIO(demo_pictures.draw(number)))
        assert picture.get_format_mimetype() == demo_pictures.media_type_of(number)


def test_table_names_twenty_pictures() -> None:
    rows = table.read(io.BytesIO(demo_pictures.table().encode()))
    assert sum(len(row.urls) for row in rows) == demo_pictures.COUNT


def test_views_serve_the_pictures_and_the_table() -> None:
    get = RequestFactory().get("/")
    answer = demo_views.picture(get, demo_pictures.name_of(1))
    assert answer.content == demo_pictures.draw(1)
    assert b"Product Name" in demo_views.table(get).content


@pytest.mark.django_db
def test_demo_is_seeded_once_and_only_with_the_setting(
    organization: Organization, settings: Settings
) -> None:
    demo.seed(organization, clock.now())
    assert not CompressionRequest.objects.exists()
    settings.COMPRESSION_DEMO_PICTURES = True
    for _ in range(2):
        demo.seed(organization, clock.now())
    assert CompressionRequest.objects.get().total_count == demo_pictures.COUNT


@pytest.mark.django_db
def test_without_the_setting_there_is_no_such_address(client: object) -> None:
    assert client.get("/compression/demo/pictures.csv").status_code == 404  # type: ignore[attr-defined]
