"""How accounts behave: allauth's adapters."""

from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.signup import send_unknown_account_mail
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.sites.shortcuts import get_current_site
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.http import HttpRequest

from chatboost.core import audit, fields, limits, mail
from chatboost.core.errors import ValidationFailed
from chatboost.core.mail import Rendered
from teams.models import User
from teams.services import addresses, sessions

logger = structlog.get_logger(__name__)

# The codec of the installation's encrypted columns, named after the row that keeps what it makes.
_secret = fields.EncryptedTextField()
_secret.set_attributes_from_name("secret")
_secret.model = Authenticator


class AccountAdapter(DefaultAccountAdapter):
    """Opens or closes registration by the installation's setting, and takes the user's e-mail as it is."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Tell whether a stranger may register."""
        return bool(settings.REGISTRATION_OPEN)

    def format_email_subject(self, subject: str) -> str:
        """Return the subject without the site's name in brackets."""
        return str(subject)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write allauth's mail to the outbox: a mail server that is away or slow must not stop a sign-in.

        An address that can't be written to looks like any other to whoever asks.
        """
        request = allauth_context.request
        words = {"request": request, "email": email, "current_site": get_current_site(request), **context}
        message = self.render_mail(template_prefix, email, words)
        try:
            mail.queue_rendered(to=email, content=_rendered(message), template=template_prefix)
        except ValidationFailed as refusal:
            logger.error("account_mail_not_written", template=template_prefix, error=refusal.code)

    def logout(self, request: HttpRequest) -> None:
        """Sign out, and make the user's open sockets ask whether they may stay, once the session is gone."""
        user_id = request.user.pk
        super().logout(request)
        if user_id is not None:
            sessions.announce(user_id)

    @transaction.atomic
    def set_password(self, user: User, password: str) -> None:
        """Set a password that was changed on the account's page or reset by mail."""
        super().set_password(user, password)
        audit.record(actor=user, verb="user.password_changed", object=user)
        sessions.announce(user.pk)

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Write to an address by whose mail the account may be opened; to any other as to a stranger."""
        if addresses.may_reset(user, email):
            super().send_password_reset_mail(user, email, context)
        else:
            send_unknown_account_mail(allauth_context.request, email)

    @transaction.atomic
    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Note that an address is proved; the first one closes the doors that were opened before it."""
        if email_address.email == email_address.user.email:
            addresses.begin_anew(email_address.user)
        return bool(super().confirm_email(request, email_address))

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count a try before the password is looked at. Raises: ValidationError (`too_many_login_attempts`).

        Tries are counted for an account and an address together: who guesses from elsewhere shuts only
        themselves out. All that come from where the account was never used share a wider limit.
        """
        super().pre_authenticate(request, **credentials)
        login = str(credentials.get("email") or credentials.get("username") or "").lower()
        self._elsewhere: Any = None
        if sessions.is_known_address(login, str(self.get_client_ip(request))):
            return
        self._elsewhere = ratelimit.consume(
            request, app="allauth.account", action="login_failed_elsewhere", key=login
        )
        if not self._elsewhere:
            raise self.validation_error("too_many_login_attempts")

    def _rollback_login_failed_rl_usage(self) -> None:
        super()._rollback_login_failed_rl_usage()
        if self._elsewhere:
            self._elsewhere.rollback()

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        key = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}:{limits.client_address(request)}"

    def reauthenticate(self, user: User, password: str) -> bool:
        """Check the password again by the user's own e-mail, which may have no allauth row yet."""
        found = self.authenticate(allauth_context.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk


class MFAAdapter(DefaultMFAAdapter):
    """Keeps the secrets of the second factor encrypted at rest."""

    def encrypt(self, text: str) -> str:
        """Encrypt with the first of FIELD_ENCRYPTION_KEYS."""
        return _secret.get_prep_value(text) or ""

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt with any of FIELD_ENCRYPTION_KEYS. Raises: DecryptionFailed."""
        return _secret.from_db_value(encrypted_text, None, None) or ""


def _rendered(message: Any) -> Rendered:
    alternatives = message.alternatives if isinstance(message, EmailMultiAlternatives) else ()
    html = next((content for content, kind in alternatives if kind == "text/html"), "")
    return Rendered(subject=message.subject, text=f"{message.body}\n", html=str(html))
