"""Telling people that what they wrote did not arrive."""

from collections.abc import Iterable

from django.urls import reverse

from chatboost.messaging.models import Contact, Message, MessageStatus, OriginKind
from teams.models import NotificationType, Organization, Severity, User
from teams.notifications import notify

_WORDS = {
    MessageStatus.FAILED: "was not delivered",
    MessageStatus.REFUSED: "was not sent",
}


def tell_senders(messages: Iterable[Message]) -> None:
    """Tell the operators who wrote those messages that will never arrive; each message once.

    The messages of bots and programs are in their own reports.
    """
    lost = [
        message
        for message in messages
        if message.status in _WORDS and message.origin_kind == OriginKind.OPERATOR and message.origin_id
    ]
    if not lost:
        return
    senders = User.objects.in_bulk({message.origin_id for message in lost})
    organizations = Organization.objects.in_bulk({message.organization_id for message in lost})
    for message in lost:
        if message.origin_id in senders:
            _tell(message, senders[message.origin_id], organizations[message.organization_id])


def _tell(message: Message, sender: User, organization: Organization) -> None:
    # Who it was for is behind the link: a mail about it must not name them.
    notify(
        organization=organization,
        type=NotificationType.MESSAGE_STATUS,
        severity=Severity.WARNING,
        title=f"A message of yours {_WORDS[MessageStatus(message.status)]}",
        body=message.reason_detail or message.reason,
        url=reverse("admin:messaging_conversation_thread", args=[message.conversation_id]),
        users=[sender],
        object=Contact(pk=message.contact_id),
        dedupe_key=f"message_lost:{message.pk}",
    )
