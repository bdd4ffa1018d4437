"""The pipeline from a source's contacts to links at the source."""

import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings

from chatboost.core.models import File, FileState, WorkItem
from invitations.choices import BatchState, InvitationState
from invitations.models import SandboxContact
from teams.models import Notification, Organization, TelegramMessage
from tests.invitations import outside as worlds
from tests.invitations import running
from tests.invitations.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)


def test_sandbox_with_local_storage_is_done_to_its_end(
    organization: Organization, settings: Settings
) -> None:
    settings.PUBLIC_BASE_URL = "https://console.example"
    batch = running.started(running.sandbox(organization))
    running.work()
    batch = running.again(batch)
    assert (batch.state, batch.total_count, batch.done_count) == (BatchState.COMPLETED, 50, 50)
    rows = running.rows(batch)
    assert {row.state for row in rows} == {InvitationState.DONE}
    for row in rows:
        assert row.link == f"https://console.example/i/{row.uuid}"
        contact = SandboxContact.objects.get(source=batch.source_id, number=row.external_id)
        assert contact.values["invitation_link"] == row.link
    cards = File.objects.filter(purpose="invitation-card", state=FileState.READY)
    assert cards.count() == 100
    assert all(default_storage.exists(card.path) for card in cards)
    assert not WorkItem.objects.filter(kind__startswith="invitations.").exists()
    assert Notification.objects.filter(object_type="invitations.invitationbatch").count() == 1


def test_mautic_and_drive_are_told_what_the_chat_hears(organization: Organization, outside: Outside) -> None:
    outside.mautic.people(2, photo=outside.images.address("ok/1.jpg"))
    worlds.chat(organization)
    account = worlds.account(organization, outside.google)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, account=account))
    running.work()
    batch = running.again(batch)
    assert (batch.state, batch.done_count) == (BatchState.COMPLETED, 2)
    assert batch.folder_url == f"https://drive.google.com/drive/folders/{batch.folder_id}"
    for number, row in enumerate(running.rows(batch), 1):
        file = outside.google.drive.files[row.drive_id]
        assert (file["parents"], file["name"]) == ([batch.folder_id], f"Guest {number} Example.jpg")
        assert [each["type"] for each in file["permissions"]] == ["anyone"]
        assert row.link == file["webViewLink"]
        assert outside.mautic.rows.contacts[int(row.external_id)].values["invitation_link"] == row.link
        told = TelegramMessage.objects.filter(dedupe_key__startswith=f"invitations.invitation:{row.pk}#")
        assert list(told.order_by("id").values_list("text", flat=True)) == [
            f"New contact detected: guest{number}@people.example",
            f"Processing contact: Guest {number} Example, Email: guest{number}@people.example",
            f"Invitation created for: Guest {number} Example",
            f"Invitation link uploaded to Google Drive: {row.link}",
            f"Successfully updated contact in Mautic: guest{number}@people.example",
        ]
    assert len(outside.telegram.ledger) == 10
    assert outside.google.doubled_names() == []
