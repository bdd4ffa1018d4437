"""Connected accounts for tests, whose tokens a Google on loopback knows."""

from datetime import timedelta
from typing import Any

from chatboost.core import clock
from teams.models import ConnectedAccount, Organization, Purpose
from tests.fakes.google import CALENDAR_SCOPE, DRIVE_SCOPE, GoogleFake

SCOPES = {Purpose.DRIVE: DRIVE_SCOPE, Purpose.CALENDAR: CALENDAR_SCOPE}


def point_at(settings: Any, google: GoogleFake) -> None:
    """Have the product ask this Google."""
    for name, value in google.settings.items():
        setattr(settings, name, value)
    settings.PUBLIC_BASE_URL = "http://testserver"


def account(
    organization: Organization,
    google: GoogleFake,
    *,
    subject: str = "1001",
    purpose: str = Purpose.DRIVE,
    lifetime: timedelta = timedelta(hours=1),
    **fields: Any,
) -> ConnectedAccount:
    """A person's account, connected, with a token that lives so long."""
    scope = SCOPES[Purpose(purpose)]
    access, refresh = google.accounts.issue(subject, frozenset({scope}))
    fields.setdefault("email", f"person{subject}@example.com")
    fields.setdefault("access_token", access)
    fields.setdefault("access_token_expires_at", clock.now() + lifetime)
    return ConnectedAccount.objects.create(
        organization=organization,
        purpose=purpose,
        subject=subject,
        scopes=[scope],
        refresh_token=refresh,
        **fields,
    )
