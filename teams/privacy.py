"""Forgetting: what notifications, and the mails and messages that carried them, say about somebody erased."""

from django.db import transaction

from chatboost.core import live
from chatboost.core.models import Mail
from teams.models import Notification, TelegramBoard, TelegramMessage
from teams.notifications import telegrams
from teams.work.mails import mail_key


@transaction.atomic
def forget(organization_id: int, object_type: str, object_id: int) -> None:
    """Remove everything that people were told about an object of an organization."""
    about = Notification.objects.for_organization(organization_id).filter(
        object_type=object_type, object_id=str(object_id)
    )
    found = dict(about.values_list("pk", "user_id"))
    Mail.objects.filter(
        organization_id=organization_id, dedupe_key__in=[mail_key(pk) for pk in found]
    ).delete()
    about.delete()
    beginning = telegrams.about(object_type, str(object_id))
    TelegramBoard.objects.for_organization(organization_id).filter(key__startswith=beginning).delete()
    TelegramMessage.objects.for_organization(organization_id).filter(
        dedupe_key__startswith=beginning
    ).delete()
    if found:
        live.told(sorted(set(found.values())), is_new=False)
