"""`manage.py compress_csv FILE --email somebody@example.com [--organization SLUG] [--wait]`."""

import time
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatboost.core.errors import DomainError
from compression import links
from compression.admin import shown
from compression.choices import OPEN, Mode, Output, RequestState
from compression.models import CompressionRequest
from compression.services import requests
from compression.services.requests import Wishes
from teams.management import choosing

LOOK_EVERY: Final = 0.5


class Command(BaseCommand):
    """Hands a table of image URLs in; the running workers do the rest."""

    help = "Compress the images of a table (CSV or Excel); the output table is mailed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--email", required=True, help="Gets the output table.")
        parser.add_argument("--organization", help=choosing.HELP)
        parser.add_argument("--webhook-url", default="", help="Is told when all images have ended.")
        parser.add_argument("--mode", choices=Mode.values)
        parser.add_argument("--quality", type=int)
        parser.add_argument("--percent", type=int)
        parser.add_argument("--output", choices=Output.values)
        parser.add_argument("--wait", action="store_true", help="Follow the request to its end.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Hand it in, or fail with the reason; with --wait, fail as well unless all images come out."""
        request = self._hand_in(options)
        self.stdout.write(f"Request {request.uuid}: {request.total_count:,} images.")
        self.stdout.write(f"{links.base()}/admin/compression/compressionrequest/{request.pk}/change/")
        if options["wait"]:
            self._follow(request)

    def _hand_in(self, options: dict[str, Any]) -> CompressionRequest:
        organization = choosing.organization(options["organization"])
        for name in ("quality", "percent"):
            if options[name] is not None and not 1 <= options[name] <= 100:
                raise CommandError(f"--{name} goes from 1 to 100.")
        wishes = Wishes(**{name: options[name] for name in ("mode", "quality", "percent", "output")})
        try:
            with options["file"].open("rb") as file:
                return requests.create(
                    organization=organization,
                    email=options["email"],
                    file=file,
                    file_name=options["file"].name,
                    webhook_url=options["webhook_url"],
                    wishes=wishes,
                )
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        except DomainError as refusal:
            raise CommandError(choosing.words(refusal)) from refusal

    def _follow(self, request: CompressionRequest) -> None:
        """Say how far it is whenever that changes. Raises: CommandError."""
        said = ""
        while True:
            request.refresh_from_db()
            words = f"{request.get_state_display()}: {shown.bar(request)['words']}"
            if words != said:
                self.stdout.write(words)
                said = words
            if request.state not in OPEN:
                break
            time.sleep(LOOK_EVERY)
        saved = shown.saving(request.bytes_before, request.bytes_after)
        if saved:
            self.stdout.write(
                f"{request.bytes_before:,} bytes → {request.bytes_after:,} bytes: {saved} saved."
            )
        if request.state != RequestState.COMPLETED:
            raise CommandError(
                f"{request.failed_count:,} of {request.total_count:,} images did not come out; "
                "the output table says why."
            )
