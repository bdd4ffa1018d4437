"""Messages to Telegram: which chat an organization has, and putting a message in line for it."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from django.conf import settings

from chatboost.core.work import queue as work
from teams.models import Notification, Organization, Severity, TelegramChat, TelegramMessage
from teams.notifications import texts

TELEGRAM_KIND = "teams.telegram"

MAX_TEXT = 4096

MARKS = {Severity.INFO: "ℹ️", Severity.SUCCESS: "✅", Severity.WARNING: "⚠️", Severity.ERROR: "🔴"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to write, and as which bot. `chat_pk` is the organization's own row; None: the environment's."""

    token: str = field(repr=False)
    chat_id: str
    chat_pk: int | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Why nothing can be written."""

    reason: str


def addresses(organization_ids: Collection[int]) -> dict[int, Address | Silence]:
    """Return each organization's chat, or why it has none. Two queries.

    The environment's chat stands in for organizations that have set up nothing of their own, where the
    installation's staff lets it: it is read by whoever runs the installation, and strangers may register.
    """
    own = TelegramChat.objects.across_organizations().filter(organization_id__in=organization_ids)
    found: dict[int, Address | Silence] = {chat.organization_id: _of_chat(chat) for chat in own}
    found |= _of_environment(set(organization_ids) - found.keys())
    return {pk: found.get(pk, Silence("No Telegram chat is set up.")) for pk in organization_ids}


def address_of(organization: Organization) -> Address | Silence:
    """Return an organization's chat, or why it has none. Two queries."""
    return addresses([organization.pk])[organization.pk]


def queue(organization: Organization, news: Notification) -> TelegramMessage | None:
    """Write one message about a notification, for the whole chat.

    None where there is no chat, or where the chat was told by the same key.
    """
    address = address_of(organization)
    if isinstance(address, Silence):
        return None
    message, is_new = TelegramMessage.objects.get_or_create(
        organization=organization,
        dedupe_key=f"{about(news.object_type, news.object_id)}{_key_of(news)}",
        defaults={"text": texts.cut(text_of(organization, news), MAX_TEXT)},
    )
    if not is_new:
        return None
    work.enqueue(
        work.Order(
            kind=TELEGRAM_KIND,
            subject_id=message.pk,
            organization_id=organization.pk,
            queue="maintenance",
            lane=lane_of(organization, address),
        )
    )
    return message


def lane_of(organization: Organization, address: Address) -> str:
    """Return the lane of a chat: its messages keep their order, and one that has to wait holds the others."""
    return "telegram:environment" if address.chat_pk is None else f"telegram:{organization.pk}"


def about(object_type: str, object_id: str) -> str:
    """Return how the keys of messages about an object begin: by it they are found when it is erased."""
    return f"{object_type}:{object_id}#"


def text_of(organization: Organization, news: Notification) -> str:
    """Return what the chat reads: plain text, so no name in it can be taken for markup."""
    link = f"{settings.PUBLIC_BASE_URL}{news.url}" if news.url and settings.PUBLIC_BASE_URL else ""
    head = f"{MARKS[Severity(news.severity)]} {news.title}"
    return "\n\n".join(filter(None, [head, news.body, link, f"— {organization.name}"]))


def _key_of(news: Notification) -> str:
    """Return what tells a message from others about the same object: people who hear later are not news."""
    if news.dedupe_key is None:
        return str(news.pk)
    return f"key:{hashlib.sha256(news.dedupe_key.encode()).hexdigest()[:32]}"


def _of_environment(organization_ids: Collection[int]) -> dict[int, Address]:
    """Return the environment's chat for those of these organizations that may use it."""
    if not (settings.TELEGRAM_BOT_TOKEN and settings.TELEGRAM_CHAT_ID and organization_ids):
        return {}
    address = Address(settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID)
    let_in = Organization.objects.filter(pk__in=organization_ids, uses_installation_chat=True)
    return dict.fromkeys(let_in.values_list("pk", flat=True), address)


def _of_chat(chat: TelegramChat) -> Address | Silence:
    if not chat.is_enabled:
        return Silence("Telegram is switched off.")
    if chat.error:
        return Silence(chat.error)
    if not chat.chat_id or not chat.bot_token:
        return Silence("The Telegram chat is not chosen yet.")
    return Address(chat.bot_token, chat.chat_id, chat.pk)
