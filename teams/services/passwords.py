"""Passwords: judged and changed."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from chatboost.core import audit
from chatboost.core.errors import ValidationFailed
from teams.models import User
from teams.services import sessions

# Characters: hashing takes its time for each.
MAX_LENGTH = 1024


@transaction.atomic
def change(*, user: User, current: str, new: str) -> None:
    """Set a new password. Every session and token of the user ends with the old one.

    Raises: ValidationFailed (`wrong_password`, `weak_password`).
    """
    if not user.check_password(current):
        message = "This is not your current password."
        raise ValidationFailed(message, code="wrong_password", errors={"current_password": [message]})
    check_strength(new, user=user, field="new_password")
    user.set_password(new)
    user.save(update_fields=["password"])
    audit.record(actor=user, verb="user.password_changed", object=user)
    sessions.announce(user.pk)


def check_strength(password: str, *, user: User, field: str) -> None:
    """Apply the installation's password validators. Raises: ValidationFailed (`weak_password`)."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        first = error.messages[0]
        raise ValidationFailed(first, code="weak_password", errors={field: error.messages}) from error
