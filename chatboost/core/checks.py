"""System checks of the kernel: what would only show under load, or after a crash."""

from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage

from chatboost.core.ticks import registered


@checks.register("chatboost")
def queues(**kwargs: Any) -> list[CheckMessage]:
    """A queue with a misspelt name is served by nobody."""
    unknown = sorted(set(settings.WORK_CELERY_QUEUES) - set(settings.WORK_QUEUES))
    if unknown:
        names = ", ".join(unknown)
        return [checks.Error(f"WORK_CELERY_QUEUES names unknown queues: {names}.", id="chatboost.E002")]
    return []


@checks.register("chatboost")
def encryption_keys(**kwargs: Any) -> list[CheckMessage]:
    """A broken key shows at the first stored secret, when it is too late."""
    try:
        for key in settings.FIELD_ENCRYPTION_KEYS:
            Fernet(key)
    except ValueError:
        return [
            checks.Error("FIELD_ENCRYPTION_KEYS holds something else than Fernet keys.", id="chatboost.E003")
        ]
    return []


@checks.register("chatboost")
def unclear_sends(**kwargs: Any) -> list[CheckMessage]:
    """Silence must outlast the vendor's answer, and the hold must outlast the silence."""
    if settings.VENDOR_DEADLINE < settings.SEND_UNKNOWN_GRACE <= settings.SEND_UNKNOWN_HOLD:
        return []
    return [
        checks.Error(
            "Needed: VENDOR_DEADLINE_SECONDS < SEND_UNKNOWN_GRACE_SECONDS <= SEND_UNKNOWN_HOLD_SECONDS.",
            id="chatboost.E004",
        )
    ]


@checks.register("chatboost")
def ticks(**kwargs: Any) -> list[CheckMessage]:
    """Beat counts in whole seconds, and sweeps are no ticks."""
    return [
        checks.Error(f"The tick {tick.name!r} must run every whole number of seconds.", id="chatboost.E005")
        for tick in registered().values()
        if tick.every is not None and (tick.every.total_seconds() % 1 or tick.every.total_seconds() < 1)
    ]


@checks.register("chatboost", deploy=True)
def shared_memory(**kwargs: Any) -> list[CheckMessage]:
    """SQLite is for one machine."""
    if settings.DATABASES["default"]["ENGINE"] == "chatboost.core.db.sqlite":
        return [
            checks.Warning(
                "SQLite serves one machine: point DATABASE_URL at PostgreSQL to grow beyond it.",
                id="chatboost.W001",
            )
        ]
    return []
