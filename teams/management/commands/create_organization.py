"""`manage.py create_organization NAME --email owner@example.com [--password-stdin] [--reset-link]`."""

import sys
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from chatboost.core.errors import DomainError
from teams.models import Organization, User
from teams.selectors import memberships
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
            "--reset-link",
            action="store_true",
            help="Print a link by which the owner sets another password, too.",
        )
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read a new owner's password from standard input."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Open it, or fail with the reason. Of what is open already, nothing is changed."""
        email = options["email"].strip().lower()
        password = sys.stdin.readline().rstrip("\r\n") if options["password_stdin"] else None
        is_new = not User.objects.filter(email=email).exists()
        known = memberships.owned_by(email, name=options["name"], slug=options["slug"])
        organization = known or self._open(email, password, options)
        state = "was open already, and is left as it is" if known else "is open"
        self.stdout.write(f"{organization.name} {state}: {organization.slug} (id {organization.pk}).")
        if password is not None and not is_new:
            self.stdout.write(f"{email} had an account, and keeps its password.")
        self._say_how_to_sign_in(User.objects.get(email=email), is_reset=options["reset_link"])

    def _open(self, email: str, password: str | None, options: dict[str, Any]) -> Organization:
        try:
            return registration.open_organization(
                name=options["name"], email=email, password=password, slug=options["slug"]
            )
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        except ValidationError as refusal:
            raise CommandError("; ".join(refusal.messages)) from refusal

    def _say_how_to_sign_in(self, owner: User, *, is_reset: bool) -> None:
        if owner.has_usable_password() and not is_reset:
            self.stdout.write(f"{owner.email} signs in at {_address('account_login')}")
            return
        # Whoever runs this may do anything. There may be no mail server yet by which a link could come.
        if is_reset:
            registration.note_reset_link(owner)
        link = _address(
            "account_reset_password_from_key",
            uidb36=user_pk_to_url_str(owner),
            key=default_token_generator.make_token(owner),
        )
        self.stdout.write(f"{owner.email} sets a password, once, at {link}")


def _address(page: str, **parts: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}{reverse(page, kwargs=parts)}"
