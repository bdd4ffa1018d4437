"""App configuration of the console."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Composition: nobody imports it. It makes Celery's app the current one for web and commands."""

    name = "chatboost.console"
    label = "console"
    verbose_name = "Console"

    def ready(self) -> None:
        """Load the Celery app, so that a nudge finds the broker."""
        from chatboost import celery
        from chatboost.console import showcase
        from chatboost.core.supervisor import hooks

        celery.app.set_current()
        hooks.on_ready.append(showcase.show)
