"""`/team/audit`: who did what in the organization."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core.api.filters import FilterSet, IdFilter, MomentFilter, TextFilter
from chatboost.core.api.jobs import JobSerializer
from chatboost.core.api.pagination import Cursor
from chatboost.core.api.serializers import ModelSerializer, Serializer
from chatboost.core.api.views import ListView
from chatboost.core.exchange.api import ExportSerializer, ExportView
from chatboost.core.models import AuditEntry
from teams.jobs import EXPORT_AUDIT, VIEW_AUDIT
from teams.selectors import audit


class AuditFilter(FilterSet):
    """Filters of /team/audit."""

    actor_id = IdFilter("actor_id", help_text="A user's id.")
    actor = TextFilter(field_name="actor_label", lookup_expr="icontains", max_length=150)
    created_after = MomentFilter("created_at", "gte", help_text="Inclusive.")
    created_before = MomentFilter("created_at", "lt", help_text="Exclusive.")

    class Meta:
        model = AuditEntry
        fields = ["actor_id", "actor", "verb", "object_type", "object_id", "created_after", "created_before"]


class AuditEntrySerializer(ModelSerializer[AuditEntry]):
    """One act. `changes` maps a field to [before, after]; secrets are never in it."""

    class Meta:
        model = AuditEntry
        fields = (
            *("id", "actor_id", "actor_label", "verb", "object_type", "object_id", "object_label"),
            *("changes", "request_id", "created_at"),
        )
        read_only_fields = fields


class AuditView(ListView):
    """GET /team/audit."""

    permission_map: ClassVar[dict[str, str]] = {"get": VIEW_AUDIT}
    queryset = AuditEntry.objects.none()
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    search_fields = ["object_label", "actor_label", "=request_id"]
    pagination_class = Cursor

    @extend_schema(operation_id="team_audit", summary="Audit log of the organization, the newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List entries."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[AuditEntry]:
        """Return the organization's entries."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return audit.of_organization(self.request.organization)  # type: ignore[attr-defined]


class AuditFiltersSerializer(Serializer):
    """Which entries; without any, all of them."""

    actor = serializers.CharField(required=False, max_length=150, help_text="A part of the name.")
    verb = serializers.CharField(required=False, max_length=64)
    object_type = serializers.CharField(required=False, max_length=64)
    object_id = serializers.CharField(required=False, max_length=64)
    created_after = serializers.DateTimeField(required=False, help_text="Inclusive.")
    created_before = serializers.DateTimeField(required=False, help_text="Exclusive.")


class AuditExportSerializer(ExportSerializer):
    """What is exported, and as what."""

    filters = AuditFiltersSerializer(required=False)


class AuditExportView(ExportView):
    """POST /team/audit/export."""

    kind = EXPORT_AUDIT
    permission_map: ClassVar[dict[str, str]] = {"post": VIEW_AUDIT}
    serializer_class = AuditExportSerializer

    @extend_schema(
        operation_id="team_audit_export", request=AuditExportSerializer, responses={202: JobSerializer}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Export the audit log in the background; the job's `result_file` is the table."""
        return self.start(request)
