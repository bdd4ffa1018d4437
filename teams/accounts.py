"""How accounts behave: allauth's adapters."""

import smtplib
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest

from chatboost.core import fields
from teams.models import User

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
        """Send, or log that it could not be sent: a mail server that is away must not stop a sign-in."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, smtplib.SMTPException) as error:
            logger.error("account_mail_not_sent", template=template_prefix, error=type(error).__name__)

    def reauthenticate(self, user: User, password: str) -> bool:
        """Check the password again by the user's own e-mail, which may have no allauth row yet."""
        found = self.authenticate(context.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk


class MFAAdapter(DefaultMFAAdapter):
    """Keeps the secrets of the second factor encrypted at rest."""

    def encrypt(self, text: str) -> str:
        """Encrypt with the first of FIELD_ENCRYPTION_KEYS."""
        return _secret.get_prep_value(text) or ""

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt with any of FIELD_ENCRYPTION_KEYS. Raises: DecryptionFailed."""
        return _secret.from_db_value(encrypted_text, None, None) or ""
