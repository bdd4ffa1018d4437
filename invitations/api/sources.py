"""/invitations/sources/."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from chatboost.core.api.viewsets import ModelViewSet, permissions_for
from chatboost.core.exchange.api import UploadParser
from invitations.api import filters
from invitations.api.source_serializers import CheckSerializer, SourceSerializer, TableSerializer
from invitations.models import InvitationSource
from invitations.services import sources

CHANGE = "invitations.change_invitationsource"
SECRETS = ("password", "client_secret", "webhook_secret")


class TableParser(UploadParser):
    """A form with one table."""

    handler_class = sources.TableHandler


class SourceViewSet(ModelViewSet[InvitationSource]):
    """Sources of the organization. Secrets are taken, and never shown."""

    queryset = InvitationSource.objects.defer("access_token").order_by("name", "id")
    serializer_class = SourceSerializer
    permission_map = permissions_for("invitations.invitationsource") | {"check": CHANGE, "upload": CHANGE}
    # They ask a server, or write a file, while they answer: outside of any transaction.
    unkeyed_actions = frozenset({"check", "upload"})
    filterset_class = filters.SourceFilter
    search_fields = ["name", "base_url"]
    ordering_fields = ["id", "name", "created_at"]

    def perform_create(self, serializer: BaseSerializer[InvitationSource]) -> None:
        """Set the source up."""
        source = sources.create(organization=self.organization, actor=self.request.user, **_given(serializer))
        serializer.instance = self.get_queryset().get(pk=source.pk)

    def perform_update(self, serializer: BaseSerializer[InvitationSource]) -> None:
        """Change the source."""
        fields = _given(serializer)
        fields.pop("kind", None)
        source = sources.change(self.get_object(), actor=self.request.user, **fields)
        serializer.instance = self.get_queryset().get(pk=source.pk)

    def perform_destroy(self, instance: InvitationSource) -> None:
        """Forget the source. 409 as long as there are batches of it."""
        sources.remove(instance, actor=self.request.user)

    @extend_schema(request=None, responses=CheckSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def check(self, request: Request, pk: str) -> Response:
        """Ask the source whether it works, and which fields, forms and segments it has. 409: it refuses."""
        found = sources.check(self.get_object())
        answer = {
            "ok": not found.problems,
            "account": found.account,
            "fields": found.fields,
            "audiences": found.audiences,
            "problems": found.problems,
        }
        return Response(CheckSerializer(answer).data)

    @extend_schema(
        request={"multipart/form-data": TableSerializer},
        responses={200: SourceSerializer, 413: OpenApiResponse(description="The file is too large.")},
    )
    @action(detail=True, methods=["post"], parser_classes=[TableParser], filterset_class=None)
    def upload(self, request: Request, pk: str) -> Response:
        """Take a table of people for a source of the kind `file`; columns are mapped by their names."""
        source = self.get_object()
        body = TableSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        table = body.validated_data["file"]
        sources.upload(source, table.file, file_name=table.name, actor=request.user)
        shown: Any = self.get_queryset().get(pk=source.pk)
        return Response(self.get_serializer(shown).data)


def _given(serializer: BaseSerializer[InvitationSource]) -> dict[str, Any]:
    """Return the service's arguments: a secret that is null stays what it is."""
    fields = dict(serializer.validated_data)
    return {name: value for name, value in fields.items() if name not in SECRETS or value is not None}
