"""The Telegram chat of an organization: set up, tried, followed when it moves, and stopped when refused."""

from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from chatboost.core import audit, clock
from chatboost.core.errors import Conflict, ValidationFailed
from teams.models import Medium, NotificationType, Organization, Severity, TelegramChat
from teams.notifications import telegrams
from teams.notifications.telegrams import Address, Silence
from teams.notifications.writing import News, tell
from teams.providers.base import Chat, Refused, Sent
from teams.providers.telegram import CHAT_ID, TOKEN, TelegramBot, TelegramProblem

logger = structlog.get_logger(__name__)

MANAGE = "teams.change_telegramchat"


def find(organization: Organization) -> TelegramChat | None:
    """Return what the organization has set up."""
    return TelegramChat.objects.for_organization(organization).first()


@transaction.atomic
def save(
    *,
    organization: Organization,
    bot_token: str | None = None,
    chat_id: str | None = None,
    is_enabled: bool | None = None,
    actor: Any,
) -> TelegramChat:
    """Set the bot and the chat up, or change what is not None. A change forgets what Telegram refused.

    Raises: ValidationFailed (`invalid_token, invalid_chat_id`).
    """
    Organization.objects.select_for_update().get(pk=organization.pk)
    chat = find(organization) or TelegramChat(organization=organization)
    given = {"bot_token": _token(bot_token), "chat_id": _chat_id(chat_id), "is_enabled": is_enabled}
    told = {name: value for name, value in given.items() if value is not None}
    if not chat.bot_token and not told.get("bot_token"):
        raise _invalid("bot_token", "Enter the token that @BotFather gave you.", "invalid_token")
    changes = audit.changes_of(chat, **told)
    for name in changes:
        setattr(chat, name, told[name])
    if changes.keys() & {"bot_token", "chat_id"} or (changes.get("is_enabled") or (None, None))[1]:
        chat.error = ""
    is_new = chat.pk is None
    chat.save()
    if changes:
        verb = "telegram_chat.created" if is_new else "telegram_chat.changed"
        audit.record(actor=actor, verb=verb, object=chat, changes=changes)
    return chat


@transaction.atomic
def remove(chat: TelegramChat, *, actor: Any) -> None:
    """Forget the bot and the chat; what waits for them is not sent."""
    audit.record(actor=actor, verb="telegram_chat.deleted", object=chat)
    chat.delete()


def send_test(chat: TelegramChat, *, actor: Any) -> None:
    """Write into the chat at once, outside of any transaction, and note how it went.

    Raises: TelegramProblem, Conflict (`no_telegram_chat`).
    """
    if not chat.chat_id:
        raise Conflict("Choose the chat first.", code="no_telegram_chat")
    text = f"ChatBoost writes here for {chat.organization.name}. This is a test by {actor}."
    outcome = bot(chat.bot_token).send(chat.chat_id, text)
    with transaction.atomic():
        _note_test(chat, outcome, actor)
    if not isinstance(outcome, Sent):
        raise TelegramProblem(f"Telegram says: {outcome.reason}")


def find_chats(token: str) -> list[Chat]:
    """Return the chats in which somebody has written to the bot lately. Raises: TelegramProblem."""
    return bot(token).chats()


def follow(address: Address, *, to: str, organization: Organization) -> None:
    """Let a chat have its new id: the group has become a supergroup."""
    if address.chat_pk is None:
        # Each message finds its way by itself; only whoever runs the installation can change its settings.
        logger.warning("telegram_chat_moved", setting="TELEGRAM_CHAT_ID", to=to)
        return
    own = TelegramChat.objects.for_organization(organization).select_for_update()
    chat = own.filter(pk=address.chat_pk, chat_id=address.chat_id).first()
    if chat is None:
        return  # another message was faster, or a person
    audit.record(
        actor=None, verb="telegram_chat.changed", object=chat, changes={"chat_id": (chat.chat_id, to)}
    )
    chat.chat_id = to
    chat.save(update_fields=["chat_id"])


def note_refused(address: Address, *, reason: str, organization: Organization) -> None:
    """Stop writing into a chat that Telegram refuses, and tell operators, by other media."""
    if address.chat_pk is not None:
        own = TelegramChat.objects.for_organization(organization).select_for_update()
        chat = own.filter(pk=address.chat_pk, chat_id=address.chat_id, error="").first()
        if chat is None or chat.bot_token != address.token:
            return  # it was noted, or changed meanwhile
        chat.error, chat.checked_at = reason[:300], clock.now()
        chat.save(update_fields=["error", "checked_at"])
    now = clock.now()
    own_chat = "" if address.chat_pk is None else f"{address.chat_pk}:"
    tell(
        News(
            organization=organization,
            type=NotificationType.INCIDENT,
            severity=Severity.ERROR,
            title="Telegram refuses the organization’s chat",
            body=f"Telegram says: {reason}\nNothing is written there until the bot or the chat is set right.",
            url="/admin/teams/telegramchat/",
            dedupe_key=f"telegram_refused:{own_chat}{now:%Y%m%d%H}",
        ),
        permission=MANAGE,
        without={Medium.TELEGRAM},
    )


def bot(token: str) -> TelegramBot:
    """Return the adapter of a bot."""
    return TelegramBot(token, base_url=settings.TELEGRAM_API_URL, deadline=settings.VENDOR_DEADLINE)


def require_chat(organization: Organization) -> None:
    """Refuse where nothing can be written. Raises: Conflict (`no_telegram_chat`)."""
    address = telegrams.address_of(organization)
    if isinstance(address, Silence):
        raise Conflict(address.reason, code="no_telegram_chat")


def _note_test(chat: TelegramChat, outcome: object, actor: Any) -> None:
    own = TelegramChat.objects.for_organization(chat.organization_id).select_for_update()
    row = own.filter(pk=chat.pk, chat_id=chat.chat_id).first()
    if row is None:
        return
    row.checked_at = clock.now()
    if isinstance(outcome, Sent):
        row.error, row.chat_id = "", outcome.moved_to or row.chat_id
    elif isinstance(outcome, Refused) and outcome.ends_chat:
        row.error = outcome.reason[:300]
    row.save(update_fields=["checked_at", "error", "chat_id"])
    is_sent = isinstance(outcome, Sent)
    audit.record(actor=actor, verb="telegram_chat.tested", object=row, changes={"is_sent": (None, is_sent)})


def _token(text: str | None) -> str | None:
    if text is None:
        return None
    token = text.strip()
    if not TOKEN.fullmatch(token):
        raise _invalid(
            "bot_token", "A token is a number, a colon and some 35 letters and digits.", "invalid_token"
        )
    return token


def _chat_id(text: str | None) -> str | None:
    if text is None:
        return None
    chat_id = text.strip()
    if chat_id and not CHAT_ID.fullmatch(chat_id):
        message = "A number such as -1001234567890, or @name of a public channel."
        raise _invalid("chat_id", message, "invalid_chat_id")
    return chat_id


def _invalid(field: str, message: str, code: str) -> ValidationFailed:
    return ValidationFailed(message, code=code, errors={field: [message]})
