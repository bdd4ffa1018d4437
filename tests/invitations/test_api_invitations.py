"""/invitations/: sources, layouts, batches, one card."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from invitations.choices import InvitationState, Step
from invitations.models import Invitation, InvitationBatch, InvitationSource
from invitations.services import batches, people
from teams.models import Organization
from teams.roles import Role
from tests.invitations import made, running

pytestmark = pytest.mark.django_db


def card_of(organization: Organization, **fields: Any) -> Invitation:
    """A finished invitation with pictures."""
    batch = batches.start(batches.create(source=made.source(organization), is_fetched=True))
    people.add(batch, made.people(1))
    (row,) = running.rows(batch)
    values = {
        "state": InvitationState.DONE,
        "step": Step.NOTIFY,
        "finished_at": row.created_at,
        "photo_uuid": made.picture(organization, purpose="invitation-photo").uuid,
        "photo_width": 400,
        "photo_height": 300,
        "card_uuid": made.picture(organization).uuid,
        "card_media_type": "image/jpeg",
        "card_width": 1600,
        "card_height": 2000,
        **fields,
    }
    Invitation.objects.filter(pk=row.pk).update(**values)
    InvitationBatch.objects.filter(pk=batch.pk).update(done_count=1)
    row.refresh_from_db()
    return row


def test_source_is_set_up_without_its_secrets_being_shown(api: APIClient) -> None:
    fields = {
        "name": "CRM",
        "kind": "mautic",
        "base_url": "https://crm.example.com",
        "username": "api",
        "password": "very-secret",
        "webhook_secret": "hook-secret",
    }
    answer = api.post("/invitations/sources/", fields, format="json")
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert "secret" not in answer.content.decode().replace("webhook_secret", "").replace("client_secret", "")
    assert (shown["has_password"], shown["has_webhook_secret"], shown["has_client_secret"]) == (
        True,
        True,
        False,
    )
    assert shown["webhook_url"].endswith(f"/invitations/mautic-webhook/{shown['uuid']}")
    answer = api.patch(f"/invitations/sources/{shown['id']}", {"name": "Mautic", "password": None}, "json")
    assert answer.json()["name"] == "Mautic"
    assert InvitationSource.objects.get().password == "very-secret"


def test_source_check_lists_its_fields(api: APIClient, organization: Organization) -> None:
    source = running.sandbox(organization)
    shown = api.post(f"/invitations/sources/{source.pk}/check").json()
    assert shown["ok"] is True
    assert {"alias": "firstname", "name": "First name"} in shown["contact_fields"]


def test_source_upload_takes_a_table(api: APIClient, tmp_path: Any) -> None:
    source = api.post("/invitations/sources/", {"name": "File", "kind": "file"}, format="json").json()
    path = tmp_path / "people.csv"
    path.write_text("name,email\nAda,ada@example.com\n")
    with path.open("rb") as file:
        answer = api.post(f"/invitations/sources/{source['id']}/upload", {"file": file}, format="multipart")
    assert (answer.status_code, answer.json()["file_name"]) == (200, "people.csv")


def test_source_with_batches_is_not_removed(api: APIClient, organization: Organization) -> None:
    batch = made.batch(made.source(organization))
    answer = api.delete(f"/invitations/sources/{batch.source_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "source_in_use")


def test_batch_goes_through_its_states(api: APIClient, organization: Organization) -> None:
    source = running.sandbox(organization)
    batch = api.post("/invitations/batches/", {"source_id": source.pk, "name": "Gala"}, format="json").json()
    assert (batch["state"], batch["lucky_last"]) == ("draft", 9999)
    at = f"/invitations/batches/{batch['id']}"
    assert api.patch(at, {"lucky_digits": 4}, format="json").json()["lucky_digits"] == 4
    assert api.post(f"{at}/start").json()["state"] == "running"
    assert api.post(f"{at}/start").status_code == 409
    assert api.post(f"{at}/pause").json()["state"] == "paused"
    assert api.post(f"{at}/resume/").json()["state"] == "running"
    assert api.post(f"{at}/retry-failed").json()["code"] == "nothing_failed"
    assert api.post(f"{at}/cancel").json()["state"] == "cancelled"
    assert api.delete(at).status_code == 204


def test_invitation_shows_steps_and_addresses(api: APIClient, organization: Organization) -> None:
    row = card_of(organization)
    shown = api.get(f"/invitations/{row.pk}").json()
    assert shown["public_url"].endswith(f"/i/{row.uuid}")
    assert shown["card_url"].endswith(f"/invitations/pictures/{row.card_uuid}")
    assert (shown["thumbnail_url"], shown["steps"]) == (None, [])
    assert shown["values"]["firstname"] == "Ada"
    (listed,) = api.get(f"/invitations/?batch_id={row.batch_id}&state=done").json()["results"]
    assert "values" not in listed


def test_invitation_of_a_dry_run_has_no_public_page(api: APIClient, organization: Organization) -> None:
    row = card_of(organization, is_dry_run=True)
    assert api.get(f"/invitations/{row.pk}").json()["public_url"] is None
    assert api.get(f"/i/{row.uuid}").status_code == 404


def test_picture_is_kept_by_browsers_and_other_files_are_none(
    api: APIClient, organization: Organization
) -> None:
    row = card_of(organization)
    answer = api.get(f"/invitations/pictures/{row.photo_uuid}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert "immutable" in answer["Cache-Control"]
    other = made.picture(organization, purpose="compression-output")
    assert api.get(f"/invitations/pictures/{other.uuid}").status_code == 404


def test_crop_is_checked_and_makes_the_card_again(api: APIClient, organization: Organization) -> None:
    row = card_of(organization)
    at = f"/invitations/{row.pk}/crop"
    outside = {"crop": {"x": 300, "y": 0, "width": 200, "height": 200}}
    answer = api.post(at, outside, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_crop")
    shown = api.post(at, {"crop": {"x": 10, "y": 20, "width": 200, "height": 200}}, format="json").json()
    assert (shown["crop"], shown["state"], shown["step"]) == ([10, 20, 200, 200], "pending", "render")
    batch = running.again(row.batch)
    assert (batch.state, batch.done_count) == ("running", 0)


def test_conflict_keeps_theirs_or_writes_ours(api: APIClient, organization: Organization) -> None:
    row = card_of(
        organization,
        state=InvitationState.CONFLICT,
        step=Step.LINK,
        link="https://ours.example/1",
        found_link="https://theirs.example/1",
    )
    InvitationBatch.objects.filter(pk=row.batch_id).update(done_count=0, conflict_count=1)
    at = f"/invitations/{row.pk}/resolve"
    shown = api.post(at, {"keep": "ours"}, format="json").json()
    assert (shown["state"], shown["step"]) == ("pending", "link")
    assert api.post(at, {"keep": "theirs"}, format="json").json()["code"] == "no_conflict"
    Invitation.objects.update(state=InvitationState.CONFLICT, finished_at=row.created_at)
    InvitationBatch.objects.filter(pk=row.batch_id).update(conflict_count=1)
    shown = api.post(at, {"keep": "theirs"}, format="json").json()
    assert shown["state"] == "done"
    batch = running.again(row.batch)
    assert (batch.state, batch.done_count, batch.conflict_count) == ("completed", 1, 0)


def test_retry_of_what_has_not_failed_is_refused(api: APIClient, organization: Organization) -> None:
    row = card_of(organization)
    assert api.post(f"/invitations/{row.pk}/retry").json()["code"] == "not_failed"


def test_report_is_a_workbook_with_the_failed(api: APIClient, organization: Organization) -> None:
    import io

    from openpyxl import load_workbook

    row = card_of(organization)
    Invitation.objects.filter(pk=row.pk).update(
        state=InvitationState.FAILED, error_code="unavailable", name="=HYPERLINK(1)"
    )
    answer = api.get(f"/invitations/batches/{row.batch_id}/report")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    book = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))
    assert book.sheetnames == ["Invitations", "Failed"]
    for sheet in book:
        assert sheet.max_row == 2
        assert sheet["B2"].value == "=HYPERLINK(1)"
        assert sheet["B2"].data_type == "s"


def test_viewer_reads_and_changes_nothing(api_for: Any, organization: Organization) -> None:
    row = card_of(organization)
    viewer = api_for(organization, role=Role.VIEWER)
    assert viewer.get(f"/invitations/{row.pk}").status_code == 200
    assert viewer.post(f"/invitations/batches/{row.batch_id}/pause").status_code == 403
    assert viewer.post("/invitations/erase", {"email": "a@example.com"}, format="json").status_code == 403


def test_another_organization_finds_nothing(
    api_for: Any, organization: Organization, other_organization: Organization
) -> None:
    row = card_of(organization)
    other = api_for(other_organization)
    for at in (
        f"/invitations/{row.pk}",
        f"/invitations/batches/{row.batch_id}",
        f"/invitations/sources/{row.source_id}",
        f"/invitations/pictures/{row.card_uuid}",
    ):
        assert other.get(at).status_code == 404
    answer = other.post("/invitations/batches/", {"source_id": row.source_id}, format="json")
    assert answer.status_code == 400
