"""The room in the console: upload, a request's page, before beside after, buttons by POST."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from compression.models import CompressionRequest, Image
from compression.services import signing
from teams.models import Organization, User
from teams.roles import Role
from tests import factories
from tests.compression.batches import again, hand_in, products, table, work
from tests.fakes.images import ImageHost

pytestmark = pytest.mark.django_db

UPLOAD = "admin:compression_compressionrequest_upload"
LIST = "admin:compression_compressionrequest_changelist"
WISHES = {"mode": "quality", "quality": "40", "percent": "50", "output": "same"}


@pytest.fixture
def browser(browser_of: Callable[[User], Client], organization: Organization) -> Client:
    return browser_of(factories.member(organization, Role.OWNER))


@pytest.fixture
def viewer(browser_of: Callable[[User], Client], organization: Organization) -> Client:
    return browser_of(factories.member(organization, Role.VIEWER))


@pytest.fixture
def done(organization: Organization, host: ImageHost) -> CompressionRequest:
    request = hand_in(organization, [host.address("ok/1.jpg"), host.address("missing/2.jpg")])
    work(queues=["media"])
    return again(request)


def page(row: CompressionRequest, name: str = "change", *args: int) -> str:
    return reverse(f"admin:compression_compressionrequest_{name}", args=[row.pk, *args])


def hand_over(browser: Client, content: bytes, **fields: Any) -> Any:
    file = SimpleUploadedFile("shop.csv", content)
    return browser.post(reverse(UPLOAD), {"file": file, "email": "a@example.com", **WISHES, **fields})


# Upload


def test_list_has_the_upload_for_whoever_may(browser: Client, viewer: Client) -> None:
    assert reverse(UPLOAD) in browser.get(reverse(LIST)).content.decode()
    assert reverse(UPLOAD) not in viewer.get(reverse(LIST)).content.decode()
    assert viewer.get(reverse(UPLOAD)).status_code == 403


def test_upload_leads_to_the_request(browser: Client) -> None:
    answer = hand_over(browser, products("https://example.com/a.jpg").getvalue())
    request = CompressionRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page(request))
    assert (request.quality, request.file_name) == (40, "shop.csv")


def test_upload_says_what_is_wrong_row_by_row_and_keeps_what_was_typed(browser: Client) -> None:
    content = table([("1", "<b>Mug</b>", "x<script>alert(1)</script>x")]).getvalue()
    answer = hand_over(browser, content, email="kept@example.com", quality="33")
    html = answer.content.decode()
    assert answer.status_code == 400
    assert "Nothing was stored" in html
    assert "Row 2" in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert(1)" not in html
    assert 'value="kept@example.com"' in html
    assert 'value="33"' in html
    assert not CompressionRequest.objects.exists()


def test_upload_that_is_too_large_is_refused_in_words(browser: Client, settings: Settings) -> None:
    settings.COMPRESSION_MAX_BYTES = 1024 * 1024
    answer = hand_over(browser, b"x" * (1024 * 1024 + 70_000))
    assert answer.status_code == 413
    assert "larger than 1 MiB" in answer.content.decode()


def test_upload_needs_the_token(browser_of: Callable[[User], Client], organization: Organization) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(
        factories.member(organization, Role.OWNER),
        backend=factories.SIGN_IN,
    )
    assert hand_over(strict, products("https://example.com/a.jpg").getvalue()).status_code == 403
    assert not CompressionRequest.objects.exists()


# A request


def test_page_shows_images_states_and_savings(browser: Client, done: CompressionRequest) -> None:
    html = browser.get(page(done)).content.decode()
    image = Image.objects.get(request=done, state="completed")
    assert f"/compression/image/{image.file_uuid}" in html
    assert "not_found" in html
    assert "Partial" in html
    assert f"/compression/{done.uuid}/output.csv" in html


def test_page_loads_no_picture_from_elsewhere(browser: Client, done: CompressionRequest) -> None:
    for url in (page(done), page(done, "compare", Image.objects.filter(request=done).order_by("id")[0].pk)):
        answer = browser.get(url)
        sources = re.findall(r'<img[^>]+src="([^"]+)"', answer.content.decode())
        assert sources
        assert all(source.startswith("/") for source in sources)
        assert "img-src 'self'" in answer["Content-Security-Policy"]


def test_page_keeps_to_one_state_when_asked(browser: Client, done: CompressionRequest) -> None:
    html = browser.get(f"{page(done)}?only=failed").content.decode()
    assert "missing/2.jpg" in html
    assert "ok/1.jpg" not in html


def test_part_that_moves_is_304_until_something_changes(
    browser: Client, organization: Organization, host: ImageHost
) -> None:
    row = hand_in(organization, host.address("ok/1.jpg"))
    url = page(row, "images")
    first = browser.get(url)
    assert f'data-topic="compression_request:{row.pk}"' in first.content.decode()
    assert browser.get(url, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304
    work(queues=["media"])
    later = browser.get(url, HTTP_IF_NONE_MATCH=first["ETag"])
    assert later.status_code == 200
    assert "data-topic" not in later.content.decode()


def test_before_and_after_stand_side_by_side(browser: Client, done: CompressionRequest) -> None:
    image = Image.objects.get(request=done, state="completed")
    html = browser.get(page(done, "compare", image.pk)).content.decode()
    assert f"/compression/image/{image.original_uuid}" in html
    assert f"/compression/image/{image.file_uuid}" in html


def test_image_of_another_request_is_not_compared_here(
    browser: Client, other_organization: Organization, done: CompressionRequest, host: ImageHost
) -> None:
    other = hand_in(other_organization, host.address("ok/1.jpg"))
    work(queues=["media"])
    theirs = Image.objects.get(request=other)
    assert browser.get(page(done, "compare", theirs.pk)).status_code == 404
    assert browser.get(page(other, "compare", theirs.pk)).status_code == 404
    assert browser.get(page(other, "images")).status_code == 404


def test_key_of_webhooks_is_shown_to_administrators(
    browser: Client, viewer: Client, organization: Organization
) -> None:
    row = hand_in(organization, "https://example.com/a.jpg", webhook_url="https://hooks.example.com/x")
    key = signing.key_of(organization.pk)
    assert key in browser.get(page(row)).content.decode()
    assert key not in viewer.get(page(row)).content.decode()


# Buttons


def test_cancel_and_retry_take_posts_only(browser: Client, viewer: Client, done: CompressionRequest) -> None:
    url = page(done, "action", "retry_failed")  # type: ignore[arg-type]
    assert browser.get(url).status_code == 405
    assert viewer.post(url).status_code == 403
    assert browser.post(url).status_code == 302
    assert again(done).round == 2
    assert browser.post(page(done, "action", "cancel")).status_code == 302  # type: ignore[arg-type]
    assert again(done).state == "cancelled"


def test_button_is_offered_when_it_makes_sense(browser: Client, done: CompressionRequest) -> None:
    html = browser.get(page(done)).content.decode()
    assert "Try failed images again" in html
    assert "/do/cancel/" not in html
