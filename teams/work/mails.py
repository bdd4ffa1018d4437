"""Mails about notifications, written here and not while somebody waits for an answer."""

from collections.abc import Mapping, Sequence

import structlog
from django.conf import settings

from chatboost.core import mail
from chatboost.core.errors import ValidationFailed
from chatboost.core.work.kinds import BatchKind, Item
from teams.models import Membership, Notification
from teams.notifications import media
from teams.selectors import second_steps

logger = structlog.get_logger(__name__)

Found = Mapping[int, Notification]


class MailKind(BatchKind[Found, Notification | None]):
    """Writes a mail for each notification: once, by its key."""

    name = media.MAIL_KIND

    def load(self, items: Sequence[Item]) -> Found:
        """Fetch the notifications of people who are still members and may read them, with both."""
        rows = Notification.objects.select_related("user", "organization").in_bulk(
            [item.subject_id for item in items]
        )
        seats = Membership.objects.filter(
            organization_id__in={row.organization_id for row in rows.values()},
            user_id__in={row.user_id for row in rows.values()},
            user__is_active=True,
        )
        # What the organization shows only behind the second step is not mailed past it.
        readers = second_steps.without_owed(seats)
        members = set(readers.values_list("organization_id", "user_id"))
        return {pk: row for pk, row in rows.items() if (row.organization_id, row.user_id) in members}

    def apply(self, item: Item, context: Found) -> Notification | None:
        """Find the item's notification; None when it was removed, or is not for its reader."""
        row = context.get(item.subject_id)
        return row if row is not None and row.title else None

    def save(self, results: Sequence[Notification | None], context: Found) -> None:
        """Write the mails."""
        for row in filter(None, results):
            _write(row)


def mail_key(notification_id: int) -> str:
    """Return the key by which the mail about a notification is found."""
    return f"notification:{notification_id}"


def _write(row: Notification) -> None:
    try:
        mail.queue(
            to=row.user.email,
            template="notification",
            subject=f"[{row.organization.name}] {row.title}",
            context={
                "title": row.title,
                "body": row.body,
                "link": f"{settings.PUBLIC_BASE_URL}{row.url}" if row.url else "",
                "organization": row.organization.name,
            },
            dedupe_key=mail_key(row.pk),
            organization_id=row.organization_id,
        )
    except ValidationFailed as refusal:
        # An address that no server takes: the console has the notification all the same.
        logger.warning("notification_not_mailed", notification=row.pk, code=refusal.code)
