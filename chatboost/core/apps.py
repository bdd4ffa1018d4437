"""App configuration of the kernel."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    """The kernel. Finds each room's optional modules when all rooms are loaded."""

    name = "chatboost.core"
    label = "core"
    verbose_name = "Operations"

    def ready(self) -> None:
        """Import what the rooms declare: permissions, settings, limits, work, jobs, subscribers, ticks."""
        autodiscover_modules("permissions", "preferences", "limits", "work", "jobs", "subscribers")
        autodiscover_modules("housekeeping")
        from chatboost.core import checks, clock, mail  # noqa: F401 two register checks and a work kind
        from chatboost.core.ticks import beat

        # From the last app that migrates: beat's own tables are there by then.
        post_migrate.connect(beat.sync, sender=self)
        connection_created.connect(clock.follow)
