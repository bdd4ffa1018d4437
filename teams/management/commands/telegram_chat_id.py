"""`manage.py telegram_chat_id [--organization SLUG]`: the chats that the Telegram bot has seen."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatboost.core.errors import DomainError
from teams.models import Organization
from teams.services import telegram


class Command(BaseCommand):
    """Lists the chats, so that one of them can be set."""

    help = "List the chats in which somebody has written to the Telegram bot, with their ids."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--organization", default="", help="Ask its bot instead of the environment's: its slug."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask Telegram, or fail with the reason."""
        token = _token_of(options["organization"]) if options["organization"] else settings.TELEGRAM_BOT_TOKEN
        if not token:
            raise CommandError("No bot: set TELEGRAM_BOT_TOKEN, or name an --organization that has one.")
        try:
            name, chats = telegram.bot(token).name(), telegram.find_chats(token)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        if not chats:
            self.stdout.write(
                f"Nobody has written to {name} lately. Write to it in Telegram, then try again."
            )
        for chat in chats:
            self.stdout.write(f"{chat.id}\t{chat.kind}\t{chat.title}")


def _token_of(slug: str) -> str:
    organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        raise CommandError(f"There is no organization {slug!r}.")
    chat = telegram.find(organization)
    return chat.bot_token if chat else ""
