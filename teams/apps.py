"""App configuration."""

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    """Teams."""

    name = "teams"
    label = "teams"
    verbose_name = "Teams"
