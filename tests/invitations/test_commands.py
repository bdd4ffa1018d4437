"""`manage.py invitations_run` and `invitations_preview`."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from invitations.models import InvitationBatch
from invitations.services import layouts
from teams.models import Organization
from tests.invitations import running

pytestmark = pytest.mark.django_db


def run(*args: str, **options: Any) -> str:
    out = StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


def test_run_begins_a_batch_of_the_source(organization: Organization) -> None:
    source = running.sandbox(organization)
    layout = layouts.latest(organization, None).layout
    said = run("invitations_run", "Sandbox", name="Gala", layout=layout.name, storage="local")
    batch = InvitationBatch.objects.get()
    assert f"Batch {batch.pk}, “Gala”." in said
    assert (batch.source, batch.layout, batch.state, batch.is_dry_run) == (source, layout, "running", False)
    assert f"/admin/invitations/invitationbatch/{batch.pk}/change/" in said


def test_run_by_number_says_it_as_json(organization: Organization) -> None:
    source = running.sandbox(organization)
    told = json.loads(run("invitations_run", str(source.pk), "--dry-run", "--json"))
    assert (told["state"], told["total"]) == ("running", 0)
    assert InvitationBatch.objects.get().is_dry_run


def test_run_what_is_not_there_is_said_with_what_is(organization: Organization) -> None:
    running.sandbox(organization)
    with pytest.raises(CommandError, match="There is no source Nowhere"):
        run("invitations_run", "Nowhere")
    with pytest.raises(CommandError, match="There is no layout Nothing"):
        run("invitations_run", "Sandbox", layout="Nothing")


def test_run_refusal_is_said(organization: Organization) -> None:
    running.sandbox(organization)
    with pytest.raises(CommandError, match="Choose whose Google Drive"):
        run("invitations_run", "Sandbox", storage="drive")
    assert not InvitationBatch.objects.exists()


def test_run_organization_must_be_named_among_several(
    organization: Organization, other_organization: Organization
) -> None:
    running.sandbox(organization)
    with pytest.raises(CommandError, match="--organization"):
        run("invitations_run", "Sandbox")
    run("invitations_run", "Sandbox", organization=organization.slug)


def test_preview_draws_a_contact_into_a_file(organization: Organization, tmp_path: Path) -> None:
    running.sandbox(organization)
    path = tmp_path / "card.jpg"
    said = run("invitations_preview", str(path), source="Sandbox", contact="2")
    assert Image.open(path).size == (1600, 2000)
    assert "1600 × 2000, image/jpeg" in said


def test_preview_contact_without_a_source_is_refused(organization: Organization, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--source"):
        run("invitations_preview", str(tmp_path / "card.jpg"), contact="2")
