"""`manage.py create_organization NAME --email owner@example.com [--password-stdin]`."""

import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from chatboost.core.errors import DomainError
from teams.models import User
from teams.services import registration


class Command(BaseCommand):
    """Opens an organization."""

    help = "Open an organization for a user, who is created when nobody has the e-mail address yet."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name")
        parser.add_argument("--email", required=True, help="Of the owner.")
        parser.add_argument(
            "--slug", default="", help="For URLs and X-Organization; made from the name if missing."
        )
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read a new owner's password from standard input."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Open it, or fail with the reason."""
        password = sys.stdin.readline().rstrip("\r\n") if options["password_stdin"] else None
        try:
            organization = registration.open_organization(
                name=options["name"], email=options["email"], password=password, slug=options["slug"]
            )
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        except ValidationError as refusal:
            raise CommandError("; ".join(refusal.messages)) from refusal
        self.stdout.write(f"{organization.name} is open: {organization.slug} (id {organization.pk}).")
        self._say_how_to_sign_in(options["email"])

    def _say_how_to_sign_in(self, email: str) -> None:
        owner = User.objects.get(email=email.strip().lower())
        if not owner.has_usable_password():
            self.stdout.write(f"{owner.email} sets a password at {reverse('account_reset_password')}.")
