"""Files in a bucket as in a folder; one that is away is told, and nothing looks whole then."""

import hashlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from django.test import Client
from openpyxl import Workbook
from pytest_django import Settings
from rest_framework.test import APIClient

from chatboost.core import clock, files
from chatboost.core.errors import NotFound
from chatboost.core.exchange import reading
from chatboost.core.files import outage, removal, store, work
from chatboost.core.models import File, FileState, WorkItem
from chatboost.core.ticks import firing
from chatboost.core.work import drain
from chatboost.settings.files import s3
from compression.work import images
from teams.models import Organization
from tests.core.stored import CONTENT, write
from tests.fakes.faults import Fault, Rule
from tests.fakes.images import picture
from tests.fakes.s3 import ACCESS_KEY_ID, BUCKET, REGION, SECRET_KEY, S3Fake

pytestmark = pytest.mark.django_db

MIB = 1024 * 1024


def storage_at(url: str, *, bucket: str = BUCKET, access_key_id: str = ACCESS_KEY_ID) -> dict[str, Any]:
    return s3(bucket, endpoint_url=url, region=REGION, access_key_id=access_key_id, secret_key=SECRET_KEY)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let boto look for nothing on this machine or beside it."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody-elses")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def bucket(settings: Settings) -> Iterator[S3Fake]:
    with S3Fake() as fake:
        settings.STORAGES = {**settings.STORAGES, "default": storage_at(fake.url)}
        yield fake


@pytest.fixture
def _away(settings: Settings) -> None:
    with S3Fake() as fake:
        url = fake.url
    settings.STORAGES = {**settings.STORAGES, "default": storage_at(url)}


def picture_of(organization: Organization) -> File:
    (place,) = files.reserve(
        1,
        organization_id=organization.pk,
        purpose=images.PURPOSE,
        permission=images.PERMISSION,
        expires_at=clock.now() + timedelta(days=1),
    )
    files.complete([files.fill(place, picture(1), name="1.jpg", content_type="image/jpeg")])
    return files.get(place.uuid, organization.pk)


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def calls(fake: S3Fake) -> list[str]:
    return [one["method"] for one in fake.attempts]


# Writing and reading


def test_file_lies_in_the_bucket_and_is_read_again(bucket: S3Fake) -> None:
    file = write()
    assert bucket.objects == {file.path: CONTENT}
    stored = File.objects.get()
    assert (stored.state, stored.size) == (FileState.READY, len(CONTENT))
    assert stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
    with files.open(file) as content:
        assert content.read() == CONTENT


def test_every_request_is_signed_and_gives_nobody_else_rights(bucket: S3Fake) -> None:
    file = write()
    with files.open(file) as content:
        content.read()
    files.delete(file)
    assert {"PUT", "HEAD", "GET", "DELETE"} <= set(calls(bucket))
    for attempt in bucket.attempts:
        assert attempt["headers"]["authorization"].startswith("AWS4-HMAC-SHA256 ")
        assert not {"x-amz-acl", "x-amz-security-token"} & set(attempt["headers"])


def test_empty_file_is_a_file(bucket: S3Fake) -> None:
    file = write(chunks=[])
    with files.open(file) as content:
        assert (bucket.objects[file.path], content.read()) == (b"", b"")


def test_large_file_goes_and_comes_in_parts(bucket: S3Fake) -> None:
    part = hashlib.sha256(b"").digest() * (MIB // 32)
    file = write(chunks=(part[:-1] + bytes([number]) for number in range(20)))
    assert len(bucket.objects[file.path]) == 20 * MIB
    assert calls(bucket) == ["POST", "PUT", "PUT", "PUT", "POST"]
    with files.open(file) as content:
        assert hashlib.sha256(content.read()).hexdigest() == file.sha256
    ranges = [one["range"] for one in bucket.attempts if one["method"] == "GET"]
    assert ranges[0] == f"bytes=0-{8 * MIB - 1}"


def test_chunks_are_made_in_the_callers_thread(bucket: S3Fake) -> None:
    seen = []

    def chunks() -> Iterator[bytes]:
        for _ in range(12):
            seen.append((threading.current_thread(), File.objects.get().state))
            yield bytes(MIB)

    write(chunks=chunks())
    assert set(seen) == {(threading.current_thread(), FileState.WRITING)}


@pytest.mark.parametrize("count", [1, 20])
def test_chunks_that_raise_leave_nothing(count: int, bucket: S3Fake) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(count):
            yield bytes(MIB)
        raise LookupError("the source is gone")

    with pytest.raises(LookupError, match="the source is gone"):
        write(chunks=chunks())
    assert not File.objects.exists()
    assert (bucket.objects, bucket.uploads) == ({}, {})


def test_reserved_file_is_filled_and_completed(bucket: S3Fake) -> None:
    (place,) = files.reserve(
        1, organization_id=7, purpose="pictures", permission="core.view_file", expires_at=None
    )
    filled = files.fill(place, b"picture", name="a.png", content_type="image/png")
    assert bucket.objects == {place.path: b"picture"}
    with pytest.raises(NotFound):
        files.get(place.uuid, 7)
    files.complete([filled])
    with files.open(files.get(place.uuid, 7)) as content:
        assert content.read() == b"picture"


def test_tables_are_read_like_those_of_a_folder(bucket: S3Fake) -> None:
    book, stream = Workbook(), io.BytesIO()
    book.active.append(["phone", "name"])
    book.active.append(["123", "Ada"])
    book.save(stream)
    for content in (b"phone,name\n123,Ada\n", stream.getvalue(), b'[{"phone": "123", "name": "Ada"}]'):
        file = write(content=content)
        with files.open(file) as opened:
            (batch,) = reading.open_table(opened).batches
        assert (list(batch.columns), len(batch.numbers)) == (["phone", "name"], 1)


# Serving


@pytest.mark.parametrize(
    ("header", "status", "expected"),
    [("", 200, CONTENT), ("bytes=70000-70009", 206, CONTENT[70000:70010]), ("bytes=-3", 206, CONTENT[-3:])],
)
def test_file_and_ranges_are_served(
    header: str, status: int, expected: bytes, bucket: S3Fake, api: APIClient, organization: Organization
) -> None:
    answer = api.get(f"/files/{write(organization).uuid}", HTTP_RANGE=header)
    assert (answer.status_code, body(answer)) == (status, expected)
    assert answer["Content-Length"] == str(len(expected))


def test_picture_is_served_with_a_validator(
    bucket: S3Fake, api: APIClient, organization: Organization
) -> None:
    file = picture_of(organization)
    path = f"/compression/image/{file.uuid}"
    whole = api.get(path)
    assert (whole["Content-Type"], body(whole)) == ("image/jpeg", picture(1))
    assert whole["ETag"] == f'"{hashlib.sha256(picture(1)).hexdigest()}"'
    part = api.get(path, HTTP_RANGE="bytes=2-5", HTTP_IF_RANGE=whole["ETag"])
    assert (part.status_code, body(part)) == (206, picture(1)[2:6])

    before = len(bucket.attempts)
    again = api.get(path, HTTP_IF_NONE_MATCH=whole["ETag"])
    assert (again.status_code, len(bucket.attempts)) == (304, before)


def test_range_outside_the_file_asks_nothing_of_the_bucket(
    bucket: S3Fake, api: APIClient, organization: Organization
) -> None:
    file, before = write(organization), len(bucket.attempts)
    answer = api.get(f"/files/{file.uuid}", HTTP_RANGE=f"bytes={len(CONTENT)}-")
    assert (answer.status_code, len(bucket.attempts)) == (416, before)


def test_head_fetches_no_bytes(bucket: S3Fake, api: APIClient, organization: Organization) -> None:
    answer = api.head(f"/files/{write(organization).uuid}")
    assert (answer.status_code, answer["Content-Length"], body(answer)) == (200, str(len(CONTENT)), b"")
    assert "GET" not in calls(bucket)


def test_lost_bytes_are_not_found(bucket: S3Fake, api: APIClient, organization: Organization) -> None:
    file = write(organization)
    bucket.objects.clear()
    assert api.get(f"/files/{file.uuid}").status_code == 404


def test_link_opens_the_file_at_our_address(bucket: S3Fake) -> None:
    url = files.link(write())
    answer = Client().get(url[url.index("/files/") :])
    assert (answer.status_code, body(answer)) == (200, CONTENT)


# Removing


def expire(*, after: timedelta = timedelta(hours=2)) -> None:
    with clock.frozen(clock.now() + after):
        firing.fire("retention: files", now=clock.now())
        drain.drain("maintenance")


def test_expired_files_go_with_their_bytes(bucket: S3Fake) -> None:
    kept, expiring, lost = write(), write(expires_in=timedelta(hours=1)), write(expires_in=timedelta(hours=1))
    assert expiring.path in bucket.objects
    del bucket.objects[lost.path]
    expire()
    assert list(File.objects.all()) == [kept]
    assert list(bucket.objects) == [kept.path]
    assert not WorkItem.objects.filter(kind=work.KIND).exists()


def test_file_that_the_bucket_keeps_holds_up_no_other_and_goes_later(bucket: S3Fake) -> None:
    blocked, free = write(expires_in=timedelta(hours=1)), write(expires_in=timedelta(hours=1))
    bucket.play(Rule(fault=Fault.ERROR, match={"key": blocked.path}, status=403, message="AccessDenied"))
    expire()
    assert (list(File.objects.all()), list(bucket.objects)) == ([blocked], [blocked.path])
    item = WorkItem.objects.get(kind=work.KIND)
    assert "AccessDenied" in item.last_error
    assert free.path not in bucket.objects

    bucket.play()
    expire(after=timedelta(hours=8))
    assert (File.objects.count(), bucket.objects) == (0, {})


# Away


@pytest.mark.usefixtures("_away")
def test_write_to_a_bucket_that_is_away_raises_and_nothing_says_ready() -> None:
    with pytest.raises(EndpointConnectionError, match="Could not connect to the endpoint URL") as raised:
        write()
    assert outage.is_outage(raised.value)
    file = File.objects.get()
    assert file.state == FileState.WRITING
    assert list(files.expired(clock.now() + 2 * removal.UNFINISHED_AFTER)) == [file]


@pytest.mark.usefixtures("_away")
def test_reserved_file_that_could_not_be_filled_is_not_ready() -> None:
    (place,) = files.reserve(
        1, organization_id=7, purpose="pictures", permission="core.view_file", expires_at=None
    )
    with pytest.raises(EndpointConnectionError):
        files.fill(place, b"picture", name="a.png", content_type="image/png")
    with pytest.raises(NotFound):
        files.get(place.uuid, 7)


def test_upload_that_breaks_off_leaves_nothing(bucket: S3Fake) -> None:
    bucket.play(Rule(fault=Fault.RESET_BEFORE_ACCEPT, match={"method": "PUT"}))
    with pytest.raises(BotoCoreError):
        write(content=bytes(20 * MIB))
    assert (File.objects.count(), bucket.objects, bucket.uploads) == (0, {}, {})


def test_upload_is_tried_again_after_a_passing_fault(bucket: S3Fake) -> None:
    bucket.play(Rule(fault=Fault.ERROR, match={"method": "PUT"}, status=503, message="SlowDown", times=1))
    file = write()
    assert bucket.objects == {file.path: CONTENT}


@pytest.mark.parametrize(
    ("given", "code"),
    [({"access_key_id": "SOMEBODYELSE"}, "AccessDenied"), ({"bucket": "another-bucket"}, "NoSuchBucket")],
)
def test_bucket_that_refuses_is_named_in_the_error(
    given: dict[str, str], code: str, bucket: S3Fake, settings: Settings
) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": storage_at(bucket.url, **given)}
    with pytest.raises(ClientError, match=code) as raised:
        write()
    assert outage.is_outage(raised.value)
    assert not store.ready().exists()


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_file_that_can_not_be_fetched_now_is_a_503(
    method: str, bucket: S3Fake, api: APIClient, organization: Organization
) -> None:
    file = write(organization)
    bucket.play(Rule(fault=Fault.ERROR, match={"method": method}, status=503, message="SlowDown"))
    answer = api.get(f"/files/{file.uuid}")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert (answer.json()["code"], answer.json()["detail"]) == (
        "storage_unavailable",
        "The storage of files is away.",
    )


@pytest.mark.usefixtures("_away")
def test_import_into_a_bucket_that_is_away_is_a_503(api: APIClient) -> None:
    answer = api.post("/contacts/import", {"rows": [{"phone": "+10000000001"}]}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert not store.ready().exists()


def test_bug_is_no_outage() -> None:
    assert not outage.is_outage(ValueError("no such colour"))


# Settings


def test_bucket_of_somebody_elses_endpoint_is_addressed_by_path() -> None:
    options = storage_at("http://127.0.0.1:9")["OPTIONS"]
    assert options["client_config"].s3 == {"addressing_style": "path"}
    assert (options["default_acl"], options["file_overwrite"]) == (None, True)


def test_without_keys_and_endpoint_boto_decides() -> None:
    options = s3("files")["OPTIONS"]
    assert {options[name] for name in ("access_key", "secret_key", "region_name", "endpoint_url")} == {None}
    assert options["client_config"].s3 is None


def test_bucket_without_its_packages_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['boto3'] = None; import chatboost.settings.files"],
        cwd=Path(__file__).resolve().parents[2],
        env={"PATH": os.environ["PATH"], "CHATBOOST_ENV_FILE": "", "S3_BUCKET": BUCKET},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr.splitlines()[-1].endswith(
        "ImproperlyConfigured: S3_BUCKET needs what requirements/s3.txt lists."
    )
