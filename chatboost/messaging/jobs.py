"""Long work of this room."""

from typing import Any

from django.db.models import QuerySet

from chatboost.core import jobs
from chatboost.core.exchange.kinds import ExportKind, ImportKind
from chatboost.core.models import Job
from chatboost.messaging.exchange.contacts import ContactResource

IMPORT_CONTACTS = "messaging.import_contacts"
EXPORT_CONTACTS = "messaging.export_contacts"

# What an export may be narrowed by, as lookups.
FILTERS = {
    "status": "status",
    "language": "language",
    "created_after": "created_at__gte",
    "created_before": "created_at__lt",
}


class ContactImport(ImportKind):
    """Contacts from a file."""

    name = IMPORT_CONTACTS
    title = "Import contacts"
    resource = ContactResource
    permission = "messaging.change_contact"


class ContactExport(ExportKind):
    """Contacts into a file."""

    name = EXPORT_CONTACTS
    title = "Export contacts"
    resource = ContactResource
    permission = "messaging.export"
    noun = "contacts"

    def rows(self, job: Job) -> QuerySet[Any]:
        """Return the contacts that the filters leave."""
        given = job.input.get("filters", {})
        return super().rows(job).filter(**{FILTERS[name]: value for name, value in given.items()})


jobs.register(ContactImport())
jobs.register(ContactExport())
