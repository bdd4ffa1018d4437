"""App configuration of the kernel."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    """The kernel. Finds each room's optional modules when all rooms are loaded."""

    name = "chatboost.core"
    label = "core"
    verbose_name = "Operations"

    def ready(self) -> None:
        """Import what the rooms declare: work kinds and permissions."""
        autodiscover_modules("permissions", "work", "subscribers")
