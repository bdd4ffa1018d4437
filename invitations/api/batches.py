"""/invitations/batches/."""

from collections.abc import Callable
from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from chatboost.core.api.viewsets import ModelViewSet, permissions_for
from chatboost.core.files import serve
from invitations.api import filters
from invitations.api.serializers import BatchSerializer
from invitations.models import InvitationBatch
from invitations.services import batches, reports

CHANGE = "invitations.change_invitationbatch"
_NOT_REPEATED = serve.Manner(cache="private, no-store", disposition="attachment", has_validator=False)


class BatchViewSet(ModelViewSet[InvitationBatch]):
    """Batches, newest first. A new one is a draft until it is started."""

    queryset = InvitationBatch.objects.select_related("layout_version").order_by("-id")
    serializer_class = BatchSerializer
    permission_map = permissions_for("invitations.invitationbatch") | {
        "start": CHANGE,
        "pause": CHANGE,
        "resume": CHANGE,
        "cancel": CHANGE,
        "retry_failed": CHANGE,
        "report": "invitations.view_invitationbatch",
    }
    filterset_class = filters.BatchFilter
    search_fields = ["name"]
    ordering_fields = ["id", "name", "created_at", "started_at", "finished_at"]

    def perform_create(self, serializer: BaseSerializer[InvitationBatch]) -> None:
        """Plan the batch."""
        batch = batches.create(actor=self.request.user, **serializer.validated_data)
        serializer.instance = self.get_queryset().get(pk=batch.pk)

    def perform_update(self, serializer: BaseSerializer[InvitationBatch]) -> None:
        """Change the draft, or the name."""
        fields = {
            name: value for name, value in serializer.validated_data.items() if name in batches.CHANGEABLE
        }
        batch = batches.change(self.get_object(), actor=self.request.user, **fields)
        serializer.instance = self.get_queryset().get(pk=batch.pk)

    def perform_destroy(self, instance: InvitationBatch) -> None:
        """Remove the batch through the service."""
        batches.delete(instance, actor=self.request.user)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Remove the batch with its invitations, and the cards that are kept here.

        Its folder at Google Drive and the cards in it stay. 409 while it is under way, and while the card of
        somebody who was erased still has to be removed from there.
        """
        return super().destroy(request, *args, **kwargs)

    @extend_schema(request=None, responses=BatchSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Begin the draft. 409 for anything else."""
        return self._done(batches.start)

    @extend_schema(request=None, responses=BatchSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Let nothing new begin."""
        return self._done(batches.pause)

    @extend_schema(request=None, responses=BatchSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on."""
        return self._done(batches.resume)

    @extend_schema(request=None, responses=BatchSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End it now; what is done stays."""
        return self._done(batches.cancel)

    @extend_schema(request=None, responses=BatchSerializer)
    @action(detail=True, methods=["post"], url_path="retry-failed")
    def retry_failed(self, request: Request, pk: str) -> Response:
        """Try again what failed, each from the step that failed. 409 where nothing has."""
        return self._done(batches.retry_failed)

    @extend_schema(responses={(200, reports.CONTENT_TYPE): OpenApiTypes.BINARY}, filters=False)
    @action(
        detail=True,
        methods=["get"],
        renderer_classes=[JSONRenderer],
        content_negotiation_class=serve.Anything,
    )
    def report(self, request: Request, pk: str) -> HttpResponseBase:
        """Return a workbook: all invitations, and those that failed."""
        return serve.respond(request, reports.file_of(self.get_object()), _NOT_REPEATED)

    def _done(self, move: Callable[..., InvitationBatch]) -> Response:
        batch = move(self.get_object(), actor=self.request.user)
        shown: Any = self.get_queryset().get(pk=batch.pk)
        return Response(self.get_serializer(shown).data)
