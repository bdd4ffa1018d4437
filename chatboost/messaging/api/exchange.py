"""/contacts/import and /contacts/export."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core.api.jobs import JobSerializer
from chatboost.core.api.serializers import Serializer
from chatboost.core.exchange.api import ExportSerializer, ExportView, ImportView
from chatboost.messaging.jobs import EXPORT_CONTACTS, IMPORT_CONTACTS, ContactExport, ContactImport
from chatboost.messaging.models import ContactStatus


class ContactFiltersSerializer(Serializer):
    """Which contacts; without any, all of them."""

    status = serializers.ChoiceField(choices=ContactStatus.choices, required=False)
    language = serializers.CharField(required=False, max_length=16)
    created_after = serializers.DateTimeField(required=False, help_text="Inclusive.")
    created_before = serializers.DateTimeField(required=False, help_text="Exclusive.")


class ContactExportSerializer(ExportSerializer):
    """What is exported, and as what."""

    filters = ContactFiltersSerializer(required=False)


class ContactImportView(ImportView):
    """Contacts from a file; other columns than a contact's own become attributes."""

    kind = IMPORT_CONTACTS
    permission_map = {"post": ContactImport.permission}


@extend_schema(exclude=True)
class UserImportView(ContactImportView):
    """/users/import, where the older system had it."""


class ContactExportView(ExportView):
    """Contacts into a file."""

    kind = EXPORT_CONTACTS
    permission_map = {"post": ContactExport.permission}
    serializer_class = ContactExportSerializer

    @extend_schema(request=ContactExportSerializer, responses={202: JobSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Export contacts with their attributes in the background; the job's `result_file` is the table."""
        return self.start(request)
