"""The demo's first notification: what a new member finds behind the bell."""

from datetime import datetime

from teams.models import NotificationType, Organization, Severity
from teams.notifications import notify


def seed(organization: Organization, now: datetime) -> None:
    """Welcome the members once."""
    notify(
        organization=organization,
        type=NotificationType.SYSTEM,
        severity=Severity.SUCCESS,
        title="Welcome to ChatBoost",
        body="Write to the demo bot: say “hello” or “menu” on its simulated phone.",
        url="/admin/messaging/bot/",
        permission="teams.view_notification",
        dedupe_key="welcome",
    )
