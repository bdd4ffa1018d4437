"""`/team/connections`: accounts at Google that the organization has connected."""

import json
from typing import ClassVar

from django.conf import settings
from django.db import models
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core.api.serializers import ModelSerializer, Serializer
from chatboost.core.api.viewsets import ReadViewSet
from teams.models import AccountKind, ConnectedAccount
from teams.services import connections

VIEW = "teams.view_connectedaccount"


class ConnectedAccountSerializer(ModelSerializer[ConnectedAccount]):
    """A connected account, without anything that opens it."""

    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    reconnect_url = serializers.SerializerMethodField(
        help_text="Open it in a browser that is signed in to the console. Empty: send the key again."
    )

    class Meta:
        model = ConnectedAccount
        fields = [
            "id",
            "purpose",
            "kind",
            "email",
            "scopes",
            "shared_drive_id",
            "folder_id",
            "state",
            "error",
            "paused_until",
            "reconnect_url",
            "connected_by",
            "created_at",
            "connected_at",
            "refreshed_at",
            "ended_at",
        ]
        read_only_fields = fields

    def get_reconnect_url(self, account: ConnectedAccount) -> str:
        """Return where a person goes to connect the account again."""
        if account.kind != AccountKind.OAUTH:
            return ""
        return f"{settings.PUBLIC_BASE_URL}/authorize?purpose={account.purpose}"


class ServiceAccountSerializer(Serializer):
    """A service account with its key, and where its files go."""

    service_account_key = serializers.DictField(
        child=serializers.CharField(max_length=10_000, trim_whitespace=False),
        write_only=True,
        help_text="What stands in the JSON file that Google hands out for the service account.",
    )
    shared_drive_id = serializers.CharField(
        max_length=500,
        help_text="A service account has no storage of its own: its files go to a Shared Drive, of which it "
        "is a content manager. The id, or the drive’s address.",
    )
    folder_id = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, help_text="A folder of that drive."
    )


class ConnectionViewSet(mixins.DestroyModelMixin, ReadViewSet[ConnectedAccount]):
    """Accounts of the organization, newest first; a disconnected one stays in the list."""

    queryset = ConnectedAccount.objects.defer(
        "refresh_token", "access_token", "service_account_key"
    ).order_by("-id")
    serializer_class = ConnectedAccountSerializer
    search_fields = ["email"]
    filterset_fields = ["purpose", "kind", "state"]
    ordering_fields = ["id", "email", "connected_at"]
    permission_map: ClassVar[dict[str, str]] = {
        "list": VIEW,
        "retrieve": VIEW,
        "create": connections.MANAGE,
        "destroy": connections.MANAGE,
    }

    @extend_schema(
        summary="Connect a service account of Google Drive by its key",
        description=(
            "A person’s account is connected in a browser: /authorize. Sent again, it replaces the key."
        ),
        request=ServiceAccountSerializer,
        responses={
            201: ConnectedAccountSerializer,
            400: OpenApiResponse(
                description="`invalid_service_account_key`, `shared_drive_required` or `invalid_drive_id`."
            ),
            409: OpenApiResponse(description="`limit_reached`."),
        },
    )
    def create(self, request: Request) -> Response:
        """Store it; what it opens is tried when it is needed, or by the console’s check."""
        serializer = ServiceAccountSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        account = connections.add_service_account(
            organization=self.organization,
            service_account_key=json.dumps(given["service_account_key"]),
            shared_drive_id=given["shared_drive_id"],
            folder_id=given["folder_id"],
            actor=request.user,
        )
        return Response(self.get_serializer(account).data, status=201)

    def perform_destroy(self, instance: models.Model) -> None:
        """Disconnect at once; the consent at Google ends a little later."""
        assert isinstance(instance, ConnectedAccount)
        connections.disconnect(instance, actor=self.request.user)
