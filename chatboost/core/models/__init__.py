"""Kernel tables and abstract bases."""

from chatboost.core.models.audit import AuditEntry
from chatboost.core.models.events import OutboxEvent
from chatboost.core.models.files import File, FileState
from chatboost.core.models.jobs import Job, JobState
from chatboost.core.models.mail import Mail, MailState
from chatboost.core.models.preferences import OrganizationSettings
from chatboost.core.models.pulse import Counter, Heartbeat
from chatboost.core.models.requests import IdempotencyRecord, RateCounter
from chatboost.core.models.tenancy import OrganizationModel, OrganizationQuerySet
from chatboost.core.models.ticks import TickRun
from chatboost.core.models.work import AttemptOutcome, WorkAttempt, WorkItem, WorkState

__all__ = [
    "AttemptOutcome",
    "AuditEntry",
    "Counter",
    "File",
    "FileState",
    "Heartbeat",
    "IdempotencyRecord",
    "Job",
    "JobState",
    "Mail",
    "MailState",
    "OrganizationModel",
    "OrganizationQuerySet",
    "OrganizationSettings",
    "OutboxEvent",
    "RateCounter",
    "TickRun",
    "WorkAttempt",
    "WorkItem",
    "WorkState",
]
