"""/jobs/: long-running work, its progress, and what it left."""

from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core import files, jobs
from chatboost.core.api.filters import BooleanFilter, FilterSet
from chatboost.core.api.serializers import ModelSerializer
from chatboost.core.api.viewsets import ReadViewSet
from chatboost.core.jobs import following
from chatboost.core.models import Job, JobState


class JobFilter(FilterSet):
    """Filters of /jobs/."""

    state = filters.ChoiceFilter(choices=JobState.choices)
    mine = BooleanFilter(method="of_caller", help_text="Only what the caller has started.")

    class Meta:
        model = Job
        fields = ["kind", "state", "mine"]

    def of_caller(self, rows: QuerySet[Job], name: str, value: Any) -> QuerySet[Job]:
        """Keep what the caller has started, for `?mine=true`."""
        return following.started_by(rows, self.request.user) if value else rows


class JobSerializer(ModelSerializer[Job]):
    """A job. Its files are fetched with the caller's own credentials; 404 once they have expired."""

    title = serializers.SerializerMethodField(help_text="What people call this kind of job.")
    progress = serializers.SerializerMethodField(help_text="From 0 to 1; null while the total is not known.")
    result_file = serializers.SerializerMethodField(help_text="Address of what the job has made.")
    error_file = serializers.SerializerMethodField(help_text="Address of the rows it refused, and why.")

    class Meta:
        model = Job
        fields = (
            *("id", "kind", "title", "state", "total_count", "done_count", "failed_count", "progress"),
            *("result", "result_file", "error_file", "error", "is_cancel_requested"),
            *("created_at", "started_at", "finished_at", "actor_label"),
        )
        read_only_fields = fields

    def get_title(self, job: Job) -> str:
        """Name the kind."""
        return jobs.title_of(job)

    @extend_schema_field({"type": ["number", "null"], "minimum": 0, "maximum": 1})
    def get_progress(self, job: Job) -> float | None:
        """Say how much is done."""
        return jobs.fraction(job)

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_result_file(self, job: Job) -> str | None:
        """Say where the result is."""
        return files.address(job.result_file_uuid) if job.result_file_uuid else None

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_error_file(self, job: Job) -> str | None:
        """Say where the errors are."""
        return files.address(job.error_file_uuid) if job.error_file_uuid else None


class JobViewSet(ReadViewSet[Job]):
    """Long-running work of the organization, the newest first."""

    queryset = Job.objects.order_by("-id")
    serializer_class = JobSerializer
    permission_map = {"list": "core.view_job", "retrieve": "core.view_job", "cancel": "core.change_job"}
    filterset_class = JobFilter
    ordering_fields = ["id", "created_at", "finished_at"]

    def get_queryset(self) -> QuerySet[Job]:
        """Return the organization's jobs: the kernel's table holds a plain number."""
        rows = Job.objects.order_by("-id")
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        return rows.filter(organization_id=self.organization.pk)

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel a job: at once while it waits, before the next chunk while it runs; 409 after its end."""
        return Response(self.get_serializer(jobs.cancel(self.get_object(), request.user)).data)
