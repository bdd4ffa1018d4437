"""One row of every model of invitations."""

import uuid
from typing import Any

from django.db.models import Model

from chatboost.core import clock
from chatboost.core.models import File, FileState
from invitations.models import (
    Invitation,
    InvitationBatch,
    InvitationLayout,
    InvitationSource,
    InvitationStep,
    LayoutAsset,
    LayoutVersion,
    SandboxContact,
)
from teams.models import Organization

DOCUMENT = {"version": 1, "width": 320, "height": 400, "layers": []}


def one_of_each(organization: Organization, text: str) -> list[Model]:
    """A source with a batch of one card, its layout and an asset; `text` where strangers write."""
    shared = {"organization": organization}
    layout = InvitationLayout.objects.create(**shared, name=text[:100], version_count=1)
    version = layout_version(layout, 1, text)
    source = InvitationSource.objects.create(
        **shared,
        name=text[:100],
        kind="sandbox",
        base_url=f"https://example.com/{text[:200]}",
        layout=layout,
        error=text[:300],
        file_name=text[:200],
    )
    batch = invitation_batch(source, text, layout=layout, layout_version=version)
    invitation = one_invitation(batch, text, 1)
    return [
        layout,
        version,
        asset(organization, text[:100]),
        source,
        SandboxContact.objects.create(**shared, source=source, number=1, values={"firstname": text}),
        batch,
        invitation,
        step(invitation, "photo", text),
    ]


def children(made: dict[type[Model], Any], number: int) -> None:
    """Add a row to whatever has rows of its own."""
    layout_version(made[InvitationLayout], number, "Child")
    invitation_batch(made[InvitationSource], f"Child {number}")
    SandboxContact.objects.create(
        organization_id=made[InvitationSource].organization_id,
        source=made[InvitationSource],
        number=number,
        values={"firstname": "Child"},
    )
    child = one_invitation(made[InvitationBatch], f"Child {number}", number)
    for name in ("photo", "render", "upload", "link", "notify"):
        step(child, name, "Child")


def layout_version(layout: InvitationLayout, number: int, text: str) -> LayoutVersion:
    """A version of a layout."""
    return LayoutVersion.objects.create(
        organization_id=layout.organization_id,
        layout=layout,
        number=number,
        document={**DOCUMENT, "layers": [{"type": "qr", "x": 1, "y": 1, "size": 50, "text": text[:2000]}]},
        actor_label=text[:150],
    )


def asset(organization: Organization, name: str) -> LayoutAsset:
    """A picture that layouts may name; its file has no bytes."""
    file = File.objects.create(
        organization_id=organization.pk,
        purpose="invitation-asset",
        permission="invitations.view_layoutasset",
        path=f"invitation-asset/{uuid.uuid4()}",
        name=name,
        content_type="image/png",
        state=FileState.WRITING,
    )
    return LayoutAsset.objects.create(
        organization=organization,
        name=name,
        kind="picture",
        file_uuid=file.uuid,
        media_type="image/png",
        family=name,
    )


def invitation_batch(source: InvitationSource, text: str, **fields: Any) -> InvitationBatch:
    """A batch that is over."""
    return InvitationBatch.objects.create(
        organization_id=source.organization_id,
        source=source,
        name=text[:150],
        state="partial",
        is_fetched=True,
        fetch_error=text[:300],
        folder_url=f"https://example.com/{text[:200]}",
        total_count=1,
        failed_count=1,
        actor_label=text[:150],
        started_at=clock.now(),
        finished_at=clock.now(),
        **fields,
    )


def one_invitation(batch: InvitationBatch, text: str, number: int) -> Invitation:
    """An invitation that failed."""
    return Invitation.objects.create(
        organization_id=batch.organization_id,
        batch=batch,
        source_id=batch.source_id,
        external_id=f"{batch.pk}-{number}",
        name=text[:200],
        email="ada@example.com",
        values={"firstname": text},
        photo_url=f"https://example.com/{text[:200]}.jpg",
        state="failed",
        step="upload",
        error_code="unavailable",
        error_detail=text[:300],
        notes=[{"step": "photo", "code": "no_face", "message": text}],
        link=f"https://example.com/{text[:200]}",
        found_link=text[:500],
        finished_at=clock.now(),
    )


def step(invitation: Invitation, name: str, text: str) -> InvitationStep:
    """A step that failed."""
    return InvitationStep.objects.create(
        organization_id=invitation.organization_id,
        invitation=invitation,
        step=name,
        state="failed",
        error_code="unavailable",
        error_detail=text[:300],
        ended_at=clock.now(),
    )
