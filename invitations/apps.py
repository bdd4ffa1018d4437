"""App configuration."""

from django.apps import AppConfig


class InvitationsConfig(AppConfig):
    """Invitations."""

    name = "invitations"
    label = "invitations"
    verbose_name = "Invitations"
