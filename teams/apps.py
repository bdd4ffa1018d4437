"""App configuration."""

import logging

from django.apps import AppConfig

from chatboost.core import logs
from chatboost.core.tenancy import activity


class TeamsConfig(AppConfig):
    """Teams."""

    name = "teams"
    label = "teams"
    verbose_name = "Teams"

    def ready(self) -> None:
        """Tell the kernel which organizations are switched off."""
        from teams import account_audit
        from teams.selectors import memberships  # it needs the models

        activity.register(ask=memberships.inactive_among, hold=memberships.hold_inactive_among)
        account_audit.watch()
        logging.getLogger("uvicorn.access").addFilter(logs.HideLinks())
