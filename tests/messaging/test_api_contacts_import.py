"""POST /contacts/import and /contacts/export: files, rows, keys and refusals."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from chatboost.core import files
from chatboost.core.models import File, Job, JobState
from chatboost.core.work.drain import drain
from chatboost.messaging.models import Contact
from teams.models import Organization
from teams.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

CSV = b"phone,first_name,city\n+15550001111,Ada,Lahore\n+15550002222,Bob,\nnobody,X,\n"


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def upload(content: bytes = CSV, name: str = "people.csv", **fields: Any) -> dict[str, Any]:
    return {"file": SimpleUploadedFile(name, content), **fields}


def send(
    api: APIClient, body: dict[str, Any] | None = None, path: str = "/contacts/import", **kwargs: Any
) -> Any:
    return api.post(path, body if body is not None else upload(), format="multipart", **kwargs)


def finished(api: APIClient, response: Any) -> dict[str, Any]:
    assert response.status_code == 202, response.json()
    drain("maintenance")
    return api.get(response["Location"]).json()


def test_file_is_imported_in_the_background(api: APIClient, organization: Organization) -> None:
    response = send(api)
    assert response.json()["state"] == JobState.QUEUED
    assert not Contact.objects.exists()
    job = finished(api, response)
    assert (job["state"], job["done_count"], job["failed_count"], job["total_count"]) == ("done", 2, 1, 3)
    assert {name: job["result"][name] for name in ("created", "updated", "unchanged", "failed")} == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "failed": 1,
    }
    assert sorted(Contact.objects.values_list("phone", "first_name")) == [
        ("+15550001111", "Ada"),
        ("+15550002222", "Bob"),
    ]


def test_rejected_rows_can_be_fetched(api: APIClient) -> None:
    job = finished(api, send(api))
    response = api.get(job["error_file"].removeprefix("http://testserver"))
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    lines = text.splitlines()
    assert lines[0] == "phone,first_name,city,row,error"
    assert lines[1].startswith('nobody,X,,4,"phone: ')


def test_rows_in_the_body_are_imported(api: APIClient) -> None:
    rows = [{"phone": "+1 555 000 1111", "first_name": "Ada", "age:number": 36}]
    job = finished(api, api.post("/contacts/import", {"rows": rows}, format="json"))
    assert job["result"]["created"] == 1
    attribute = Contact.objects.get().attributes.get()
    assert (attribute.key, attribute.value, attribute.value_type) == ("age", 36, "number")


def test_dry_run_writes_nothing_and_tells_what_it_would(api: APIClient, organization: Organization) -> None:
    factories.contact(organization, phone="+15550001111", first_name="Eve")
    job = finished(api, send(api, upload(dry_run="true")))
    assert job["title"] == "Import contacts (dry run)"
    assert [job["result"][name] for name in ("created", "updated", "failed")] == [1, 1, 1]
    assert Contact.objects.get().first_name == "Eve"
    stored = files.get(Job.objects.get().result_file_uuid, organization.pk)
    preview = json.loads(files.open(stored).read())
    assert [row["action"] for row in preview] == ["update", "create"]
    assert preview[0]["changes"]["first_name"] == {"old": "Eve", "new": "Ada"}


def test_alias_of_the_older_system_works(api: APIClient) -> None:
    assert finished(api, send(api, path="/users/import"))["result"]["created"] == 2


def test_mapping_delimiter_and_charset_are_taken(api: APIClient) -> None:
    content = "Handy;Vorname;Notiz\n+15550001111;Jürgen;x\n".encode("cp1252")
    mapping = json.dumps({"Handy": "phone", "Vorname": "first_name", "Notiz": None})
    job = finished(api, send(api, upload(content, mapping=mapping, delimiter=";", charset="cp1252")))
    assert job["result"]["columns"] == {"Handy": "phone", "Vorname": "first_name", "Notiz": None}
    contact = Contact.objects.get()
    assert (contact.first_name, contact.attributes.count()) == ("Jürgen", 0)


def test_unreadable_file_fails_the_job_with_the_reason(api: APIClient) -> None:
    job = finished(api, send(api, upload(b"name\nAda\n")))
    assert (job["state"], job["error"]) == ("failed", "The column “phone” is missing.")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "validation_failed"),
        ({"file": SimpleUploadedFile("empty.csv", b"")}, "empty_file"),
        (upload(delimiter="#"), "validation_failed"),
        (upload(mapping="[]"), "validation_failed"),
        (upload(mapping='{"a": 1}'), "validation_failed"),
        (upload(mapping="{"), "validation_failed"),
        (upload(surprise="1"), "validation_failed"),
        (upload(charset="a\x00b"), "malformed_body"),
        (
            {"file": SimpleUploadedFile("a.csv", CSV), "rows": SimpleUploadedFile("b.csv", CSV)},
            "malformed_body",
        ),
    ],
)
def test_wrong_forms_are_refused(api: APIClient, body: dict[str, Any], code: str) -> None:
    for value in body.values():
        if hasattr(value, "seek"):
            value.seek(0)
    response = send(api, body)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert not File.objects.exists()


@pytest.mark.parametrize("body", [{}, {"rows": []}, {"rows": [1]}, {"rows": [{}] * 1001}, {"rows": "x"}])
def test_wrong_bodies_are_refused(api: APIClient, body: dict[str, Any]) -> None:
    response = api.post("/contacts/import", body, format="json")
    assert response.status_code == 400
    assert not Job.objects.exists()


def test_too_large_file_is_refused_while_it_arrives(api: APIClient, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    response = send(api, upload(b"phone\n" + b"+15550001111\n" * 100))
    assert (response.status_code, response.json()["code"]) == (413, "file_too_large")
    assert not File.objects.exists()


def test_body_that_is_no_form_is_refused(api: APIClient) -> None:
    response = api.post("/contacts/import", CSV, content_type="text/csv")
    assert response.status_code == 415


def test_repeated_request_with_a_key_imports_once(api: APIClient) -> None:
    first = send(api, headers={"Idempotency-Key": "a"})
    second = send(api, headers={"Idempotency-Key": "a"})
    assert second["Idempotent-Replayed"] == "true"
    assert second.json() == first.json()
    assert Job.objects.count() == 1
    assert File.objects.count() == 1
    other = send(api, upload(CSV + b"+15550003333,Eve,\n"), headers={"Idempotency-Key": "a"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert File.objects.count() == 1


def test_import_stays_in_the_callers_organization(
    api: APIClient, organization: Organization, other_organization: Organization
) -> None:
    theirs = factories.contact(other_organization, phone="+15550001111", first_name="Theirs")
    job = finished(api, send(api))
    assert job["result"]["created"] == 2
    theirs.refresh_from_db()
    assert theirs.first_name == "Theirs"
    assert Contact.objects.filter(organization=other_organization).count() == 1


def test_import_asks_the_role(
    api_for: Callable[..., APIClient], organization: Organization, other_organization: Organization
) -> None:
    assert send(api_for(organization, role=Role.VIEWER)).status_code == 403
    assert send(APIClient()).status_code == 401
    assert not Job.objects.exists()
    response = send(api_for(organization, role=Role.AGENT))
    assert response.status_code == 202
    assert api_for(other_organization).get(response["Location"]).status_code == 404


# Exports


@pytest.mark.parametrize("name", ["csv", "xlsx", "json"])
def test_export_leaves_a_file(api: APIClient, organization: Organization, name: str) -> None:
    factories.contact(organization, phone="+15550001111", first_name="Ada")
    job = finished(api, api.post("/contacts/export", {"format": name}, format="json"))
    assert (job["state"], job["done_count"], job["total_count"]) == ("done", 1, 1)
    response = api.get(job["result_file"].removeprefix("http://testserver"))
    content = b"".join(response.streaming_content)
    assert f".{name}" in response["Content-Disposition"]
    from chatboost.core.exchange import reading

    (batch,) = reading.open_table(io.BytesIO(content)).batches
    row = dict(zip(batch.columns, batch.rows[0], strict=True))
    assert (row["phone"].lstrip("'"), row["first_name"]) == ("+15550001111", "Ada")


def test_export_is_narrowed_by_filters(api: APIClient, organization: Organization) -> None:
    factories.contact(organization, language="en")
    factories.contact(organization, language="ur")
    body = {"format": "json", "filters": {"language": "ur", "created_after": "2020-01-01T00:00:00Z"}}
    assert finished(api, api.post("/contacts/export", body, format="json"))["result"]["rows"] == 1


def test_export_holds_no_other_organization(
    api: APIClient, organization: Organization, other_organization: Organization
) -> None:
    factories.contact(other_organization)
    assert (
        finished(api, api.post("/contacts/export", {"format": "json"}, format="json"))["result"]["rows"] == 0
    )


def test_export_asks_the_role(api_for: Callable[..., APIClient], organization: Organization) -> None:
    body = {"format": "csv"}
    assert api_for(organization, role=Role.AGENT).post("/contacts/export", body).status_code == 403
    assert api_for(organization, role=Role.EDITOR).post("/contacts/export", body).status_code == 202


@pytest.mark.parametrize("body", [{}, {"format": "pdf"}, {"format": "csv", "filters": {"x": 1}}])
def test_wrong_exports_are_refused(api: APIClient, body: dict[str, Any]) -> None:
    assert api.post("/contacts/export", body, format="json").status_code == 400
