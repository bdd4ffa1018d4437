"""Messages to Telegram: which chat an organization has, and putting a message in line for it."""

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction

from chatboost.core import clock
from chatboost.core.db import rows
from chatboost.core.work import queue as work
from teams.models import (
    Notification,
    Organization,
    Severity,
    TelegramBoard,
    TelegramBoardState,
    TelegramChat,
    TelegramMessage,
)
from teams.notifications import texts

TELEGRAM_KIND = "teams.telegram"
BOARD_KIND = "teams.telegram_board"

# A board changes at most this often; texts in between are never seen.
BOARD_PACE = timedelta(seconds=3)

MAX_TEXT = 4096

MARKS = {Severity.INFO: "ℹ️", Severity.SUCCESS: "✅", Severity.WARNING: "⚠️", Severity.ERROR: "🔴"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to write, and as which bot. `chat_pk` is the organization's own row; None: the environment's."""

    token: str = field(repr=False)
    chat_id: str
    chat_pk: int | None = None

    @property
    def bot(self) -> str:
        """The bot's number, which stays when its token is renewed."""
        return self.token.partition(":")[0]

    @property
    def name(self) -> str:
        """What tells a bot's chat from other bots' and chats."""
        return f"{self.bot}:{self.chat_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text for an organization's chat, once for its key. `object` is what it is about; see `privacy`."""

    organization: Organization
    text: str
    dedupe_key: str
    object: models.Model | None = None

    @property
    def key(self) -> str:
        """The message's key: apart from those of notifications, whatever the caller's looks like."""
        return key_of("text", self.dedupe_key, self.object)


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
    work.enqueue(order_of(message, address))
    return message


def write(
    organization: Organization, text: str, dedupe_key: str, object: models.Model | None = None
) -> TelegramMessage | None:
    """Put this very text in line for the organization's chat, in the caller's transaction.

    None where there is no chat, or where the chat was told by the same key.
    """
    note = Note(organization=organization, text=text, dedupe_key=dedupe_key, object=object)
    return write_all([note])[0]


@transaction.atomic
def write_all(notes: Sequence[Note]) -> list[TelegramMessage | None]:
    """Do what `write` does with many, in their order; returns a message or None for each. Four queries."""
    found = addresses({note.organization.pk for note in notes})
    going = [note for note in notes if isinstance(found[note.organization.pk], Address)]
    made = _insert(going)
    orders = []
    for message in made.values():
        address = found[message.organization_id]
        if isinstance(address, Address):
            orders.append(order_of(message, address))
    work.enqueue_many(orders)
    # The first of two with the same key is the one that was written.
    return [made.pop((note.organization.pk, note.key), None) for note in notes]


@transaction.atomic
def board(
    organization: Organization, key: str, text: str, object: models.Model | None = None
) -> TelegramBoard | None:
    """Have one message of the organization's chat say this, in the caller's transaction.

    The first call for a key sends the message, later ones change it, `BOARD_PACE` apart and only to the
    newest text. None, and nothing is kept, where there is no chat. The board's row stays locked until the
    transaction ends: name several in one order.
    """
    address = address_of(organization)
    if isinstance(address, Silence):
        return None
    words = _storable(text)
    kept, is_new = TelegramBoard.objects.get_or_create(
        organization=organization, key=key_of("board", key, object), defaults={"text": words}
    )
    kept = TelegramBoard.objects.select_for_update(of=("self",)).get(pk=kept.pk)
    if is_new:
        post(kept, address)
        kept.save()
    elif kept.text != words:
        kept.text, kept.state, kept.changed_at = words, TelegramBoardState.OWED, clock.now()
        kept.save(update_fields=["text", "state", "changed_at"])
        owe(kept, address)
    return kept


def post(board: TelegramBoard, address: Address) -> None:
    """Put a message of a board in line that says all it is to say; the caller saves the board."""
    board.message_count += 1
    board.message = TelegramMessage.objects.create(
        organization_id=board.organization_id,
        dedupe_key=f"{board.key}:{board.message_count}",
        text=board.text,
    )
    board.state, board.error, board.tried_at = TelegramBoardState.CURRENT, "", clock.now()
    work.enqueue(order_of(board.message, address))


def owe(board: TelegramBoard, address: Address, *, after: datetime | None = None) -> None:
    """Put a board's next edit in line: one waits at most, outside of the lane until it is due."""
    work.enqueue(
        work.Order(
            kind=BOARD_KIND,
            subject_id=board.pk,
            organization_id=board.organization_id,
            queue="maintenance",
            lane=lane_of(board.organization_id, address),
            run_at=after or board.tried_at + BOARD_PACE,
            dedupe_key=f"board:{board.pk}",
        )
    )


def order_of(message: TelegramMessage, address: Address) -> work.Order:
    """Return the work of sending a message."""
    return work.Order(
        kind=TELEGRAM_KIND,
        subject_id=message.pk,
        organization_id=message.organization_id,
        queue="maintenance",
        lane=lane_of(message.organization_id, address),
    )


def lane_of(organization_id: int, address: Address) -> str:
    """Return the lane of a chat: its messages keep their order, and one that has to wait holds the others."""
    return "telegram:environment" if address.chat_pk is None else f"telegram:{organization_id}"


def about(object_type: str, object_id: str) -> str:
    """Return how the keys of messages about an object begin: by it they are found when it is erased."""
    return f"{object_type}:{object_id}#"


def key_of(kind: str, key: str, object: models.Model | None) -> str:
    """Return the key of a row about an object, of any length and look."""
    hashed = hashlib.sha256(key.encode(errors="replace")).hexdigest()[:32]
    if object is None:
        return f"{about('', '')}{kind}:{hashed}"
    return f"{about(object._meta.label_lower, str(object.pk))}{kind}:{hashed}"


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


def _insert(notes: Iterable[Note]) -> dict[tuple[int, str], TelegramMessage]:
    """Write the messages whose keys are new, by organization and key, in order."""
    now = clock.now()
    first: dict[tuple[int, str], TelegramMessage] = {}
    for note in notes:
        message = TelegramMessage(
            organization_id=note.organization.pk,
            text=_storable(note.text),
            dedupe_key=note.key,
            created_at=now,
        )
        first.setdefault((note.organization.pk, note.key), message)
    columns = [field.attname for field in TelegramMessage._meta.concrete_fields if not field.primary_key]
    inserted = rows.insert(
        TelegramMessage,
        [{column: getattr(message, column) for column in columns} for message in first.values()],
        on_conflict=rows.ON_CONFLICT_DO_NOTHING,
        returning=("id", "organization_id", "dedupe_key"),
    )
    made = {}
    # RETURNING promises no order; the ids were given in order.
    for pk, organization_id, key in sorted(inserted):
        message = made[organization_id, key] = first[organization_id, key]
        message.pk, message._state.adding = pk, False
    return made


def _storable(text: str) -> str:
    """Return the text but for what no database stores, cut to what Telegram takes."""
    return texts.cut(
        "".join(each for each in text if each != "\0" and unicodedata.category(each) != "Cs"), MAX_TEXT
    )


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
