"""What carries notifications out of the house: the work of mails, and a message to the Telegram chat."""

from collections.abc import Collection, Mapping

from chatboost.core.work import queue as work
from teams.models import Medium, Notification, Organization
from teams.notifications import telegrams

MAIL_KIND = "teams.notification_mail"


def carry(
    organization: Organization, written: Collection[Notification], wanted: Mapping[int, Collection[Medium]]
) -> None:
    """Enqueue a mail a person who wants one, and one Telegram message when anybody wants it."""
    mailed = [row for row in written if Medium.EMAIL in wanted[row.user_id]]
    if mailed:
        work.enqueue_many(
            work.Order(
                kind=MAIL_KIND, subject_id=row.pk, organization_id=row.organization_id, queue="maintenance"
            )
            for row in mailed
        )
    chatted = [row for row in written if Medium.TELEGRAM in wanted[row.user_id]]
    if chatted:
        telegrams.queue(organization, chatted[0])
