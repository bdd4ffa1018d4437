"""App configuration."""

from django.apps import AppConfig


class CompressionConfig(AppConfig):
    """Compression."""

    name = "compression"
    label = "compression"
    verbose_name = "Compression"
