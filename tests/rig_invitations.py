"""What the proofs of invitations ask of the installation's database; see `tests.rig_tasks`."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.files.storage import default_storage

from chatboost.core import clock, pulse
from chatboost.core.models import File, FileState, WorkItem
from invitations.choices import NoticeMode, SourceKind, StorageKind
from invitations.models import Invitation, InvitationBatch, InvitationSource, InvitationStep
from invitations.services import batches
from teams.models import (
    AccountKind,
    ConnectedAccount,
    Notification,
    Purpose,
    TelegramChat,
    TelegramMessage,
)
from tests import factories


def invite(given: str) -> dict[str, Any]:
    """Set a Mautic, a Drive and a chat up, and begin a batch: `{"mautic", "telegram", "tokens", …}`."""
    said = json.loads(given)
    organization = factories.organization(name="Rig", slug="rig")
    if said.get("telegram"):
        token, chat_id = said["telegram"]
        TelegramChat.objects.create(organization=organization, bot_token=token, chat_id=chat_id)
    access, refresh, scope = said["tokens"]
    account = ConnectedAccount.objects.create(
        organization=organization,
        purpose=Purpose.DRIVE,
        kind=AccountKind.OAUTH,
        email="ada@example.com",
        subject="1001",
        scopes=[scope],
        refresh_token=refresh,
        access_token=access,
        access_token_expires_at=clock.now() + timedelta(hours=3),
    )
    source = InvitationSource.objects.create(
        organization=organization,
        name="Mautic",
        kind=SourceKind.MAUTIC,
        base_url=said["mautic"],
        username=said["user"],
        password=said["password"],
        photo_field="photo",
        storage=StorageKind.DRIVE,
        account=account,
        notices=NoticeMode.AUTO if said.get("telegram") else NoticeMode.OFF,
    )
    return {"batch_id": batches.start(batches.create(source=source)).pk}


def invitations() -> dict[str, Any]:
    """Say where the batch is, what its counts should be, and what is left of its work."""
    batch = InvitationBatch.objects.get()
    rows = Invitation.objects.filter(batch=batch).order_by("id")
    ready = dict(File.objects.filter(state=FileState.READY).values_list("uuid", "path"))
    return {
        "state": batch.state,
        "has_folder": bool(batch.folder_url),
        "counts": [batch.total_count, batch.done_count, batch.failed_count, batch.conflict_count],
        "states": Counter(rows.values_list("state", flat=True)),
        "steps": Counter(rows.values_list("step", flat=True)),
        "without_id": rows.filter(drive_id="").count(),
        "errors": Counter(rows.values_list("error_code", flat=True)),
        "links": {row.external_id: [row.drive_id, row.link] for row in rows},
        "without_file": sum(
            uuid not in ready or not default_storage.exists(ready[uuid])
            for row in rows
            for uuid in (row.photo_uuid, row.card_uuid, row.thumbnail_uuid)
        ),
        "files": File.objects.filter(state=FileState.READY, purpose__startswith="invitation-").count(),
        "unfinished_files": File.objects.filter(state=FileState.WRITING).count(),
        "ledger": Counter(InvitationStep.objects.values_list("state", flat=True)),
        "attempts": sum(InvitationStep.objects.values_list("attempt_count", flat=True)),
        "messages": TelegramMessage.objects.count(),
        "message_states": Counter(TelegramMessage.objects.values_list("state", flat=True)),
        "notifications": Notification.objects.filter(object_type="invitations.invitationbatch").count(),
        "counters": pulse.values(),
        "open_work": WorkItem.objects.exclude(state="dead").count(),
        "open_kinds": Counter(WorkItem.objects.exclude(state="dead").values_list("kind", flat=True)),
        "dead_work": list(WorkItem.objects.filter(state="dead").values_list("kind", "last_error")),
    }


TASKS: dict[str, Callable[..., dict[str, Any]]] = {"invite": invite, "invitations": invitations}
