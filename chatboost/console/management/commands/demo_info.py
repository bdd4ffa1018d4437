"""`manage.py demo_info`: what a person or a script needs to use the demo."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatboost.console import demo


class Command(BaseCommand):
    """Print the demo's address, sign-in, key and ids."""

    help = "Print the demo's address, sign-in, API key and ids."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the format."""
        parser.add_argument("--json", action="store_true", help="one JSON object, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print. Raises CommandError when there is no demo."""
        try:
            found = demo.info()
        except demo.NoDemo as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(demo.as_json(found))
            return
        for name, value in asdict(found).items():
            self.stdout.write(f"{name:>16}  {value}")
