"""Notifications as rows, numbered as the product numbers them, for what only reads them."""

from django.db import transaction

from chatboost.core import live
from teams.models import Inbox, Notification, NotificationType, Organization, User


@transaction.atomic
def tell(
    user: User, organization: Organization, *titles: str, body: str = "", is_announced: bool = True
) -> list[Notification]:
    """Tell a user something in an organization."""
    Inbox.objects.get_or_create(user=user)
    inbox = Inbox.objects.select_for_update().get(user=user)
    rows = [
        Notification(
            organization=organization,
            user=user,
            seq=inbox.last_seq + place,
            type=NotificationType.SYSTEM,
            title=title,
            body=body,
        )
        for place, title in enumerate(titles, start=1)
    ]
    Notification.objects.bulk_create(rows)
    inbox.last_seq += len(rows)
    inbox.save()
    if is_announced:
        live.told([user.pk])
    return rows
