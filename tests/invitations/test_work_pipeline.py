"""The pipeline from a source's contacts to links at the source."""

import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings

from chatboost.core.models import File, FileState, WorkItem
from invitations.choices import BatchState, InvitationState
from invitations.models import SandboxContact
from teams.models import Notification, Organization
from tests.invitations import running

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
