"""App configuration."""

from typing import Any

from django.apps import AppConfig, apps

from chatboost.core import live


class CompressionConfig(AppConfig):
    """Compression."""

    name = "compression"
    label = "compression"
    verbose_name = "Compression"

    def ready(self) -> None:
        """Let people follow a request live."""
        live.register_topic(
            "compression_request", _is_request_of, permission="compression.view_compressionrequest"
        )


def _is_request_of(organization: Any, number: int) -> bool:
    """Tell whether the request is the organization's."""
    requests = apps.get_model("compression", "CompressionRequest")._default_manager
    return requests.filter(pk=number, organization=organization).exists()
