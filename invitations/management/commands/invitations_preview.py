"""`manage.py invitations_preview FILE [--layout …] [--source … [--contact …]] [--organization SLUG]`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatboost.core.errors import DomainError
from invitations.management import finding
from invitations.services import layouts, previews
from teams.management import choosing


class Command(BaseCommand):
    """Draws one card into a file. Stores nothing else."""

    help = "Draw a card as it would be, for a contact of a source or somebody made up."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, help="Gets the picture.")
        parser.add_argument("--organization", help=choosing.HELP)
        parser.add_argument("--layout", help="Its name or number; default: the organization's oldest one.")
        parser.add_argument("--source", help="Its name or number; default: somebody made up.")
        parser.add_argument("--contact", default="", help="Its number at the source; default: the first one.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Draw it, or fail with the reason."""
        organization = choosing.organization(options["organization"])
        layout = finding.layout(organization, options["layout"]) if options["layout"] else None
        source = finding.source(organization, options["source"]) if options["source"] else None
        if options["contact"] and source is None:
            raise CommandError("Name the --source of the contact.")
        try:
            card = previews.draw(
                previews.Subject(
                    organization=organization,
                    version=layouts.latest(organization, layout),
                    source=source,
                    external_id=options["contact"],
                )
            )
            options["file"].write_bytes(card.content)
        except DomainError as refusal:
            raise CommandError(choosing.words(refusal)) from refusal
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        self.stdout.write(f"{options['file']}: {card.width} × {card.height}, {card.media_type}")
        for warning in card.warnings:
            self.stdout.write(warning)
