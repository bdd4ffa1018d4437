"""/dead-letters/: work that was given up, to be tried again or discarded."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core.api.serializers import ModelSerializer, Serializer
from chatboost.core.api.viewsets import ReadViewSet
from chatboost.core.errors import Conflict
from chatboost.core.models import WorkAttempt, WorkItem, WorkState
from chatboost.core.work import dead_letters


class AttemptSerializer(ModelSerializer[WorkAttempt]):
    """One try that did not succeed."""

    class Meta:
        model = WorkAttempt
        fields = ("outcome", "error", "ended_at")
        read_only_fields = fields


class DeadLetterSerializer(ModelSerializer[WorkItem]):
    """Work that was given up. `subject_id` is the row it is about, in the table that its kind names."""

    attempts = serializers.SerializerMethodField(help_text="The tries of the last days, oldest first.")

    class Meta:
        model = WorkItem
        fields = (
            *("id", "kind", "subject_id", "queue", "error_count", "crash_count", "last_error"),
            *("attempts", "created_at"),
        )
        read_only_fields = fields

    @extend_schema_field(AttemptSerializer(many=True))
    def get_attempts(self, item: WorkItem) -> Any:
        """List the tries."""
        by_item: dict[int, list[WorkAttempt]] = self.context["attempts"]
        return AttemptSerializer(by_item.get(item.pk, ()), many=True).data


class DeadLetterActionSerializer(Serializer):
    """What to do with several dead letters."""

    action = serializers.ChoiceField(choices=["retry", "discard"])
    ids = serializers.ListField(child=serializers.IntegerField(min_value=1), min_length=1, max_length=500)


class CountSerializer(Serializer):
    """How many were changed."""

    count = serializers.IntegerField()


class DeadLetterViewSet(ReadViewSet[WorkItem]):
    """Work that was given up, the newest first."""

    queryset = WorkItem.objects.filter(state=WorkState.DEAD).order_by("-id")
    serializer_class = DeadLetterSerializer
    permission_map = {
        "list": "core.view_workitem",
        "retrieve": "core.view_workitem",
        "create": "core.change_workitem",
        "retry": "core.change_workitem",
        "discard": "core.delete_workitem",
    }
    filterset_fields = ["kind", "queue"]
    ordering_fields = ["id", "created_at"]

    def get_queryset(self) -> QuerySet[WorkItem]:
        """Return the organization's dead letters: the kernel's table holds a plain number."""
        rows = WorkItem.objects.filter(state=WorkState.DEAD).order_by("-id")
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        return rows.filter(organization_id=self.organization.pk)

    def get_serializer_class(self) -> Any:
        """Return what the action reads."""
        return DeadLetterActionSerializer if self.action == "create" else DeadLetterSerializer

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Fetch the tries of all shown items in one query."""
        if self.action == "create":
            return super().get_serializer(*args, **kwargs)
        shown: Any = args[0] if args else None
        items = shown if kwargs.get("many") else [shown]
        kwargs["context"] = {**self.get_serializer_context(), "attempts": _attempts(items)}
        return super().get_serializer(*args, **kwargs)

    @extend_schema(request=DeadLetterActionSerializer, responses={200: CountSerializer})
    def create(self, request: Request) -> Response:
        """Try several again, or discard them; ids that are no dead letters of yours are left alone."""
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        is_retry = wanted.validated_data["action"] == "retry"
        if not is_retry and not request.user.has_perm(self.permission_map["discard"], self.organization):
            raise PermissionDenied
        items = list(self.get_queryset().filter(pk__in=wanted.validated_data["ids"]))
        act = dead_letters.retry if is_retry else dead_letters.discard
        return Response({"count": act(items, actor=request.user)})

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Put it back in line with a clean record."""
        return self._done(dead_letters.retry([self.get_object()], actor=request.user))

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, pk: str) -> Response:
        """Remove it for good; the audit log keeps what it was."""
        return self._done(dead_letters.discard([self.get_object()], actor=request.user))

    def _done(self, count: int) -> Response:
        if not count:
            raise Conflict("It is no dead letter any more.", code="not_dead")
        return Response(status=status.HTTP_204_NO_CONTENT)


def _attempts(items: Sequence[WorkItem | None]) -> dict[int, list[WorkAttempt]]:
    by_item: dict[int, list[WorkAttempt]] = {}
    ids = [item.pk for item in items if item is not None]
    for attempt in WorkAttempt.objects.filter(item_id__in=ids).order_by("id") if ids else ():
        by_item.setdefault(attempt.item_id, []).append(attempt)
    return by_item
