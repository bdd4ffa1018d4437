"""Long work of this room."""

from typing import Any

from django.db.models import QuerySet

from chatboost.core import jobs
from chatboost.core.exchange.kinds import ExportKind
from chatboost.core.models import Job
from teams.exchange.audit import AuditResource
from teams.notifications.announcements import AnnounceKind
from teams.selectors import audit

EXPORT_AUDIT = "teams.export_audit"
VIEW_AUDIT = "teams.view_audit"


class AuditExport(ExportKind):
    """The audit log into a file."""

    name = EXPORT_AUDIT
    title = "Export the audit log"
    resource = AuditResource
    permission = VIEW_AUDIT
    noun = "audit-log"

    def rows(self, job: Job) -> QuerySet[Any]:
        """Return the entries that the filters leave."""
        return audit.narrowed(super().rows(job), job.input.get("filters", {}))


jobs.register(AuditExport())
jobs.register(AnnounceKind())
