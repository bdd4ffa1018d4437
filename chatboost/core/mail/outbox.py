"""The outbox: a mail is a row, and its work where there is a server to send it."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from chatboost.core import audit
from chatboost.core.errors import Conflict
from chatboost.core.mail import addresses, rendering
from chatboost.core.mail.rendering import Rendered
from chatboost.core.models import Mail, MailState
from chatboost.core.work import queue as work

DELIVERY_KIND = "core.mail"

# After somebody's reply, before a campaign: whoever waits for a reset link waits in front of the screen.
PRIORITY = 60


@transaction.atomic
def queue(
    *,
    to: str,
    template: str,
    context: Mapping[str, Any],
    dedupe_key: str | None = None,
    organization_id: int = 0,
    file_uuids: Sequence[uuid.UUID | str] = (),
    subject: str | None = None,
) -> Mail:
    """Write a mail to one person from `mail/<template>.txt`; a subject given stands for the template's.

    With a dedupe key the mail is written once in the organization: a later call returns the first mail, for
    as long as mail is kept. `file_uuids` are attachments. Without a mail server the row is the mailbox.

    Raises: ValidationFailed (`invalid_address`).
    """
    known = _known(organization_id, dedupe_key)
    if known is not None:
        return known
    return queue_rendered(
        to=to,
        content=rendering.render(template, context, subject=subject),
        template=template,
        dedupe_key=dedupe_key,
        organization_id=organization_id,
        file_uuids=file_uuids,
    )


@transaction.atomic
def queue_rendered(
    *,
    to: str,
    content: Rendered,
    template: str,
    dedupe_key: str | None = None,
    organization_id: int = 0,
    file_uuids: Sequence[uuid.UUID | str] = (),
) -> Mail:
    """Write a mail whose words exist already; `template` names where they come from. Otherwise as `queue`."""
    fields = {
        "message_id": f"<{uuid.uuid4()}@{addresses.own_domain()}>",
        "to": addresses.check_address(to),
        "subject": rendering.one_line(content.subject),
        "text": content.text,
        "html": content.html,
        "template": template[:100],
        "file_uuids": [str(file_uuid) for file_uuid in file_uuids],
        "state": MailState.QUEUED if settings.EMAIL_HOST else MailState.KEPT,
    }
    if dedupe_key is None:
        mail, is_new = Mail.objects.create(organization_id=organization_id, **fields), True
    else:
        # The constraint decides a race: whoever comes second gets the first one's row.
        mail, is_new = Mail.objects.get_or_create(
            organization_id=organization_id, dedupe_key=dedupe_key, defaults=fields
        )
    if is_new and mail.state == MailState.QUEUED:
        _enqueue(mail)
    return mail


@transaction.atomic
def send_again(*, mail: Mail, actor: Any) -> Mail:
    """Send a mail again that failed or whose outcome is unclear, under its old Message-ID.

    Raises: Conflict (`no_mail_server, mail_not_resendable`).
    """
    row = Mail.objects.select_for_update().get(pk=mail.pk)
    if not settings.EMAIL_HOST:
        raise Conflict("No mail server is set.", code="no_mail_server")
    if not may_send_again(row):
        raise Conflict("Only a mail that failed or is unclear goes again.", code="mail_not_resendable")
    audit.record(
        actor=actor, verb="mail.sent_again", object=row, changes={"state": (row.state, MailState.QUEUED)}
    )
    row.state, row.error = MailState.QUEUED, ""
    row.save(update_fields=["state", "error"])
    _enqueue(row)
    return row


def may_send_again(mail: Mail) -> bool:
    """Tell whether nothing of ours will send the mail any more, and it may not have arrived."""
    return mail.state in (MailState.FAILED, MailState.UNKNOWN)


def _known(organization_id: int, dedupe_key: str | None) -> Mail | None:
    if dedupe_key is None:
        return None
    return Mail.objects.filter(organization_id=organization_id, dedupe_key=dedupe_key).first()


def _enqueue(mail: Mail) -> None:
    work.enqueue(
        work.Order(
            kind=DELIVERY_KIND,
            subject_id=mail.pk,
            organization_id=mail.organization_id,
            queue="interactive",
            priority=PRIORITY,
            lane=f"mail:{mail.pk}",
        )
    )
