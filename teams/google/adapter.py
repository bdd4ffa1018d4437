"""Whom a Google account lets in.

Google answers for an address only when it has verified it. A known Google account signs its user in. An
unknown one opens the account with the same address if that was proved to us too; otherwise whoever registered
it first, with somebody else's address, would share the account. A new user is made where registration is
open, or where the address is invited.
"""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from teams import google, names
from teams.models import User
from teams.services import addresses, invites, organizations, registration

UNVERIFIED = "Google has not verified the address of this account, so it can't be used here."
ACCOUNT_EXISTS = (
    "There is an account with this address already. Sign in with its password, then connect Google under "
    "“Security” in your account."
)
UNPROVED = "Confirm the address of your account first, by the link in the mail that we sent there."
OTHER_ADDRESS = "Connect the Google account that has the address of your account here."


class GoogleAccountAdapter(DefaultSocialAccountAdapter):
    """Decides what a Google account opens."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> Any:
        """Return our registration, which the settings hold and not a table."""
        if not google.is_offered() or provider not in (None, "google"):
            return []
        app = SocialApp(
            provider="google",
            name="Google",
            client_id=settings.GOOGLE_SIGN_IN_CLIENT_ID,
            secret=settings.GOOGLE_SIGN_IN_CLIENT_SECRET,
        )
        return [app] if client_id in (None, app.client_id) else []

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuse what Google has not verified, or what would mix two people's accounts up."""
        email = _verified(sociallogin)
        if not email:
            raise _refusal(request, UNVERIFIED)
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            user = request.user
            if isinstance(user, User):
                _check_connection(request, user, email)
        elif not sociallogin.is_existing:
            if addresses.is_taken(email):
                raise _refusal(request, ACCOUNT_EXISTS)
            addresses.drop_claims(email)

    def can_authenticate_by_email(self, login: Any, email: str) -> bool:
        """Tell whether the account with this address has proved it too."""
        return bool(addresses.verified(email).filter(user__is_active=True).exists())

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Tell whether a stranger may come in this way: by open registration, or because they are invited."""
        return bool(settings.REGISTRATION_OPEN) or invites.is_awaited(_verified(sociallogin))

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        """Take name and address over."""
        user = sociallogin.user
        user.email = _verified(sociallogin)
        words = (str(data.get(part) or "") for part in ("first_name", "last_name"))
        user.name = names.one_line(" ".join(words))[:150]
        return user

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """Create the user, with an organization of their own unless one is waiting for them."""
        try:
            with transaction.atomic():
                user: User = sociallogin.user
                user.full_clean(exclude=["password"], validate_constraints=False)
                sociallogin.save(request)
                registration.note_created(user, actor=user)
                if not invites.is_awaited(user.email):
                    organizations.create(name=registration.own_name(user), owner=user, actor=user)
        except IntegrityError as error:
            # The same address came in another way at the same moment.
            raise _refusal(request, ACCOUNT_EXISTS) from error
        return user


def _verified(sociallogin: Any) -> str:
    found = (each.email for each in sociallogin.email_addresses if each.verified)
    return next(found, "").lower()


def _check_connection(request: HttpRequest, user: User, email: str) -> None:
    if not addresses.is_proved(user):
        raise _refusal(request, UNPROVED)
    if not addresses.belongs_to(user, email):
        raise _refusal(request, OTHER_ADDRESS)


def _refusal(request: HttpRequest, reason: str) -> ImmediateHttpResponse:
    page: HttpResponseBase = render(
        request, "socialaccount/authentication_error.html", {"reason": reason}, status=403
    )
    return ImmediateHttpResponse(page)
