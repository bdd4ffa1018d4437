"""A Telegram chat of the rig, and what is written there; run in a child of `tests.rig_parent`."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import transaction

from chatboost.core import pulse
from chatboost.core.models import WorkItem
from teams.models import Organization, TelegramBoard, TelegramMessage
from teams.notifications import telegrams
from teams.notifications.telegrams import Note
from teams.services import telegram
from tests import factories
from tests.fakes.telegram import TOKEN

SLUG = "rig-telegram"
KINDS = (telegrams.TELEGRAM_KIND, telegrams.BOARD_KIND)


def connect_chat(chat_id: str) -> dict[str, Any]:
    """An organization that writes into this chat; a person's chat has the shorter pace."""
    organization = factories.organization(name="Telegram", slug=SLUG)
    telegram.save(organization=organization, bot_token=TOKEN, chat_id=chat_id, actor=None)
    return {"organization_id": organization.pk}


def write_texts(first: str, count: str) -> dict[str, Any]:
    """Write so many texts, numbered, in one transaction."""
    organization = Organization.objects.get(slug=SLUG)
    numbers = range(int(first), int(first) + int(count))
    with transaction.atomic():
        telegrams.write_all(
            [
                Note(organization=organization, text=f"text {number}", dedupe_key=f"text:{number}")
                for number in numbers
            ]
        )
    return {}


def say(text: str) -> dict[str, Any]:
    """Have the chat's board say this."""
    telegrams.board(Organization.objects.get(slug=SLUG), "board", text)
    return {}


def telegram_state() -> dict[str, Any]:
    """Return where messages and boards stand, what is still to be done, and what was repeated."""
    return {
        "messages": Counter(TelegramMessage.objects.values_list("state", flat=True)),
        "boards": list(TelegramBoard.objects.values("state", "error", "text", "message_count", "edit_count")),
        "waiting": WorkItem.objects.filter(kind__in=KINDS).count(),
        "repeated": pulse.values().get("telegram_repeated", 0),
    }


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "connect_chat": connect_chat,
    "write_texts": write_texts,
    "say": say,
    "telegram_state": telegram_state,
}
