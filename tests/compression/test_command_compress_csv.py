"""`manage.py compress_csv`."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from compression.models import CompressionRequest
from teams.models import Organization
from tests.compression.batches import EMAIL, products, table, work
from tests.fakes.images import ImageHost

pytestmark = pytest.mark.django_db


def run(path: Path, **options: Any) -> str:
    out = StringIO()
    call_command("compress_csv", str(path), email=EMAIL, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.csv"
    path.write_bytes(products("https://example.com/a.jpg").getvalue())
    return path


def test_table_is_handed_in_for_the_only_organization(organization: Organization, shop: Path) -> None:
    said = run(shop, quality=30)
    request = CompressionRequest.objects.for_organization(organization).get()
    assert str(request.uuid) in said
    assert (request.email, request.quality, request.file_name) == (EMAIL, 30, "shop.csv")


def test_organization_must_be_named_among_several(
    organization: Organization, other_organization: Organization, shop: Path
) -> None:
    with pytest.raises(CommandError, match="--organization"):
        run(shop)
    with pytest.raises(CommandError, match="no organization nowhere"):
        run(shop, organization="nowhere")
    run(shop, organization=other_organization.slug)
    assert CompressionRequest.objects.for_organization(other_organization).count() == 1


def test_errors_are_said_row_by_row(organization: Organization, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(table([("1", "Mug", "nowhere"), ("2", "", "https://example.com/a.jpg")]).getvalue())
    with pytest.raises(CommandError) as caught:
        run(path)
    assert "row 2: “nowhere” is no http or https URL." in str(caught.value)
    assert "row 3: The product name is missing." in str(caught.value)


def test_file_that_is_not_there_is_said(organization: Organization, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        run(tmp_path / "nowhere.csv")


@pytest.mark.parametrize("number", [0, 101])
def test_quality_beyond_its_scale_is_refused(organization: Organization, shop: Path, number: int) -> None:
    with pytest.raises(CommandError, match="--quality goes from 1 to 100"):
        run(shop, quality=number)


def test_waiting_follows_the_request_to_its_end(
    organization: Organization, host: ImageHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(products(host.address("ok/1.jpg")).getvalue())
    monkeypatch.setattr("time.sleep", lambda seconds: work(queues=["media"]))
    said = run(path, wait=True)
    assert "Completed: 100%, 1 of 1" in said
    assert "saved." in said


def test_waiting_fails_where_an_image_did_not_come_out(
    organization: Organization, host: ImageHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(products(host.address("missing/1.jpg")).getvalue())
    monkeypatch.setattr("time.sleep", lambda seconds: work(queues=["media"]))
    with pytest.raises(CommandError, match="1 of 1 images did not come out"):
        run(path, wait=True)
