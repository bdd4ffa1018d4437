"""App configuration."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Analytics."""

    name = "analytics"
    label = "analytics"
    verbose_name = "Analytics"
