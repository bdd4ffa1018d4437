"""/compression/…: the source's document, its aliases, images with caches and ranges."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings
from rest_framework.test import APIClient

from chatboost.core import clock, files
from compression.models import CompressionRequest, Image
from compression.services import requests
from teams.models import Organization
from teams.roles import Role
from tests.compression.batches import EMAIL, hand_in, products, table, work
from tests.fakes.images import ImageHost

pytestmark = pytest.mark.django_db

KEYS = {
    *("request_id", "email", "status", "no_img_compressed", "total_images", "product_details", "progress"),
    *("failed_images", "bytes_before", "bytes_after", "products", "created_at", "finished_at"),
}
ClientFor = Callable[..., APIClient]


def upload(client: APIClient, content: bytes, path: str = "/compression/upload", **fields: Any) -> Any:
    headers = {name: fields.pop(name) for name in list(fields) if name.startswith("HTTP_")}
    body = {"file": SimpleUploadedFile("shop.csv", content, "text/csv"), "email": EMAIL, **fields}
    return client.post(path, {key: value for key, value in body.items() if value is not None}, **headers)


def good() -> bytes:
    return products("https://example.com/a.jpg").getvalue()


@pytest.mark.parametrize("path", ["/compression/upload", "/compression/upload/", "/upload"])
def test_upload_answers_with_a_request_id(api: APIClient, organization: Organization, path: str) -> None:
    answer = upload(api, good(), path)
    assert (answer.status_code, set(answer.json())) == (202, {"request_id"})
    request = CompressionRequest.objects.for_organization(organization).get(uuid=answer.json()["request_id"])
    assert (request.email, request.file_name, request.total_count) == (EMAIL, "shop.csv", 1)


def test_upload_takes_wishes(api: APIClient) -> None:
    upload(api, good(), mode="bytes", percent="30", output="webp", webhook_url="https://hooks.example.com/")
    request = CompressionRequest.objects.get()
    assert (request.mode, request.percent, request.output) == ("bytes", 30, "webp")
    assert request.webhook_url == "https://hooks.example.com/"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": None}, "email"),
        ({"email": "nobody"}, "email"),
        ({"quality": "0"}, "quality"),
        ({"quality": "101"}, "quality"),
        ({"mode": "magic"}, "mode"),
        ({"output": "avif"}, "output"),
        ({"webhook_url": "nowhere"}, "webhook_url"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_upload_with_a_wrong_field_is_refused(api: APIClient, fields: dict[str, Any], field: str) -> None:
    answer = upload(api, good(), **fields)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not CompressionRequest.objects.exists()


def test_upload_says_what_is_wrong_in_which_row(api: APIClient) -> None:
    content = table([("1", "Mug", "https://example.com/a.jpg"), ("2", "", "nowhere")]).getvalue()
    answer = upload(api, content)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid_rows")
    assert answer["Content-Type"] == "application/problem+json"
    assert list(problem["errors"]) == ["row 3"]
    assert not CompressionRequest.objects.exists()


def test_upload_that_is_too_large_is_refused_while_it_comes(api: APIClient, settings: Settings) -> None:
    settings.COMPRESSION_MAX_BYTES = 1000
    assert upload(api, b"x" * 70_000).status_code == 413


@pytest.mark.django_db(transaction=True)
def test_upload_repeated_with_its_key_is_one_request(api: APIClient) -> None:
    answers = [upload(api, good(), HTTP_IDEMPOTENCY_KEY="one").json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert CompressionRequest.objects.count() == 1
    assert upload(api, good(), email="c@example.com", HTTP_IDEMPOTENCY_KEY="one").status_code == 409


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OWNER, 202), (Role.ADMIN, 202), (Role.EDITOR, 202), (Role.AGENT, 403), (Role.VIEWER, 403)],
)
def test_upload_is_for_editors(
    api_for: ClientFor, organization: Organization, role: str, status: int
) -> None:
    assert upload(api_for(organization, role), good()).status_code == status


# Status


@pytest.mark.parametrize("path", ["/compression/status/{}", "/compression/status/{}/", "/status/{}"])
def test_status_before_anything_happened_has_every_key(
    api: APIClient, organization: Organization, path: str
) -> None:
    request = hand_in(organization, ["https://example.com/a.jpg", "https://example.com/b.jpg"])
    document = api.get(path.format(request.uuid)).json()
    assert set(document) == KEYS
    assert (document["status"], document["total_images"], document["progress"]) == ("PENDING", 2, 0)
    product = document["product_details"]["Product 1"]
    assert product["input_urls"] == ["https://example.com/a.jpg", "https://example.com/b.jpg"]
    assert product["output_urls"] == product["task_ids"] == [None, None]
    assert [image["state"] for image in product["images"]] == ["PENDING", "PENDING"]


def test_status_at_the_end_aligns_outputs_with_inputs(
    api: APIClient, organization: Organization, host: ImageHost
) -> None:
    request = hand_in(organization, [host.address("missing/1.jpg"), host.address("ok/2.jpg")])
    work(queues=["media"])
    document = api.get(f"/compression/status/{request.uuid}").json()
    assert (document["status"], document["no_img_compressed"], document["progress"]) == ("PARTIAL", 1, 1)
    product = document["product_details"]["Product 1"]
    assert product["output_urls"][0] is None
    assert "/compression/image/" in product["output_urls"][1]
    assert [image["error"] for image in product["images"]] == ["not_found", ""]
    assert all(each.isdigit() for each in product["task_ids"])


def test_rows_of_one_name_come_together(api: APIClient, organization: Organization) -> None:
    rows = [("1", "Mug", "https://example.com/a.jpg"), ("2", "Mug", "https://example.com/b.jpg")]
    request = requests.create(organization=organization, email=EMAIL, file=table(rows))
    details = api.get(f"/compression/status/{request.uuid}").json()["product_details"]
    assert details["Mug"]["input_urls"] == ["https://example.com/a.jpg", "https://example.com/b.jpg"]


def test_status_of_a_large_table_comes_in_pages(api: APIClient, organization: Organization) -> None:
    request = hand_in(organization, *(f"https://example.com/{number}.jpg" for number in range(5)))
    first = api.get(f"/compression/status/{request.uuid}?page_size=3").json()
    assert list(first["product_details"]) == ["Product 1", "Product 2", "Product 3"]
    assert first["products"]["count"] == 5
    last = api.get(first["products"]["next"]).json()
    assert list(last["product_details"]) == ["Product 4", "Product 5"]
    assert last["products"]["next"] is None
    assert api.get(f"/compression/status/{request.uuid}?page=3&page_size=3").status_code == 404
    assert api.get(f"/compression/status/{request.uuid}?page=0").json()["code"] == "invalid_page"


def test_request_of_another_organization_does_not_exist(
    api_for: ClientFor, organization: Organization, other_organization: Organization
) -> None:
    request = hand_in(organization, "https://example.com/a.jpg")
    stranger = api_for(other_organization)
    for path in (f"/compression/status/{request.uuid}", f"/compression/{request.uuid}/output.csv"):
        assert stranger.get(path).status_code == 404
    for verb in ("cancel", "retry-failed"):
        assert stranger.post(f"/compression/{request.uuid}/{verb}").status_code == 404


# Cancel, retry, output


def test_cancel_and_retry_answer_with_the_id_or_the_reason(
    api: APIClient, organization: Organization, host: ImageHost
) -> None:
    failed = hand_in(organization, host.address("missing/1.jpg"))
    work(queues=["media"])
    waiting = hand_in(organization, host.address("ok/1.jpg"))
    assert api.post(f"/compression/{failed.uuid}/retry-failed").status_code == 202
    assert api.post(f"/compression/{failed.uuid}/retry-failed").json()["code"] == "nothing_failed"
    assert api.post(f"/compression/{waiting.uuid}/cancel").json() == {"request_id": str(waiting.uuid)}
    assert api.post(f"/compression/{waiting.uuid}/cancel").json()["code"] == "already_finished"


def test_viewer_reads_and_does_not_cancel(api_for: ClientFor, organization: Organization) -> None:
    request = hand_in(organization, "https://example.com/a.jpg")
    viewer = api_for(organization, Role.VIEWER)
    assert viewer.get(f"/compression/status/{request.uuid}").status_code == 200
    assert viewer.post(f"/compression/{request.uuid}/cancel").status_code == 403


def test_output_table_is_streamed_as_it_is_now(
    api: APIClient, organization: Organization, host: ImageHost
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"), file_name="shop.csv")
    work(queues=["media"])
    answer = api.get(f"/compression/{request.uuid}/output.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="shop-output.csv"'
    (row,) = csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig")))
    assert row["State"] == "ok"


# Images


@pytest.fixture
def made(organization: Organization, host: ImageHost) -> Image:
    request = hand_in(organization, host.address("ok/1.jpg"))
    work(queues=["media"])
    return Image.objects.get(request=request)


@pytest.mark.parametrize("path", ["/compression/image/{}", "/image/{}"])
def test_image_is_served_to_a_role_and_kept_by_its_client(api: APIClient, made: Image, path: str) -> None:
    answer = api.get(path.format(made.file_uuid))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert len(answer.getvalue()) == made.bytes_after
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert answer["Cache-Control"].startswith("private, max-age=")
    assert answer["Cache-Control"].endswith(", immutable")
    again = api.get(path.format(made.file_uuid), HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")


def test_image_is_served_in_ranges(api: APIClient, made: Image) -> None:
    path = f"/compression/image/{made.file_uuid}"
    whole = api.get(path)
    content = whole.getvalue()
    part = api.get(path, HTTP_RANGE="bytes=2-5")
    assert (part.status_code, part.getvalue()) == (206, content[2:6])
    assert api.get(path, HTTP_RANGE="bytes=2-5", HTTP_IF_RANGE=whole["ETag"]).status_code == 206
    assert api.get(path, HTTP_RANGE="bytes=2-5", HTTP_IF_RANGE='"other"').status_code == 200
    assert api.get(path, HTTP_RANGE="bytes=999999999-").status_code == 416


def test_signed_link_opens_the_image_until_it_expires(api: APIClient, made: Image, client: Any) -> None:
    document = api.get(f"/compression/status/{made.request.uuid}").json()
    url = document["product_details"]["Product 1"]["output_urls"][0]
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer["Cache-Control"].startswith("public, ")
    with clock.frozen(clock.now() + timedelta(days=31)):
        assert client.get(url).status_code == 404
    assert client.get(url.partition("?")[0]).status_code == 401
    assert client.get(f"{url}x").status_code == 404


def test_image_of_another_organization_does_not_exist(
    api_for: ClientFor, other_organization: Organization, made: Image
) -> None:
    assert api_for(other_organization).get(f"/compression/image/{made.file_uuid}").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_file_that_is_no_image_is_not_served_as_one(api: APIClient, organization: Organization) -> None:
    other = files.write(
        organization_id=organization.pk,
        purpose="export",
        permission="compression.view_image",
        name="page.html",
        content_type="text/html",
        chunks=[b"<script>"],
        expires_in=None,
    )
    assert api.get(f"/compression/image/{other.uuid}").status_code == 404


def test_input_is_served_beside_the_output(api: APIClient, made: Image) -> None:
    assert len(api.get(f"/compression/image/{made.original_uuid}").getvalue()) == made.bytes_before


STORAGES: Sequence[str] = ["django.core.files.storage.InMemoryStorage"]


@pytest.mark.parametrize("backend", STORAGES)
def test_storage_that_has_no_files_serves_images_all_the_same(
    api: APIClient, organization: Organization, host: ImageHost, settings: Settings, backend: str
) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": backend}}
    request = hand_in(organization, host.address("ok/1.jpg"))
    work(queues=["media"])
    image = Image.objects.get(request=request)
    path = f"/compression/image/{image.file_uuid}"
    assert len(api.get(path).getvalue()) == image.bytes_after
    assert len(api.get(path, HTTP_RANGE="bytes=0-9").getvalue()) == 10
