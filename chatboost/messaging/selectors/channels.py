"""Reading channels without their secrets."""

from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

SECRETS = ("access_token", "app_secret", "verify_token")


def without_secrets(channels: QuerySet[Any]) -> QuerySet[Any]:
    """Leave the secrets in the database and annotate `has_access_token` and its like."""
    flags = {
        f"has_{name}": ExpressionWrapper(~Q(**{name: ""}), output_field=BooleanField()) for name in SECRETS
    }
    annotated: QuerySet[Any] = channels.defer(*SECRETS).annotate(**flags)
    return annotated
