"""`manage.py send_announcement TITLE (--organization SLUG | --all) [--body …] [--severity …] [--key …]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatboost.core.errors import DomainError
from teams.models import Severity
from teams.notifications import announcements


class Command(BaseCommand):
    """Tells every member something."""

    help = "Tell every member of an organization, or of all, something: in the console and by their media."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("title")
        parser.add_argument("--body", default="")
        parser.add_argument("--severity", default=Severity.INFO.value, choices=Severity.values)
        parser.add_argument("--key", default="", help="A second announcement with the same key tells nobody.")
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--organization", default="", help="Its slug.")
        whom.add_argument("--all", action="store_true", help="Every active organization.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Begin, or fail with the reason. The workers do it."""
        try:
            job = announcements.start(
                title=options["title"],
                body=options["body"],
                severity=options["severity"],
                slug=options["organization"],
                key=options["key"],
                actor=None,
            )
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        count = len(job.input["ids"])
        self.stdout.write(f"Being told: {count} organization{'' if count == 1 else 's'} (job {job.pk}).")
