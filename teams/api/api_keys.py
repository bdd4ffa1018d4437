"""`/team/api-keys`: keys for programs."""

from typing import ClassVar

from django.db import models
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core.api.viewsets import ReadViewSet
from teams.api import serializers
from teams.models import ApiKey
from teams.services import api_keys


class ApiKeyViewSet(mixins.DestroyModelMixin, ReadViewSet[ApiKey]):
    """Keys of the organization, newest first; a revoked one stays in the list."""

    queryset = ApiKey.objects.order_by("-id")
    serializer_class = serializers.ApiKeySerializer
    search_fields = ["name", "prefix"]
    filterset_fields = ["role"]
    ordering_fields = ["id", "name", "last_used_at"]
    permission_map: ClassVar[dict[str, str]] = {
        "list": "teams.view_apikey",
        "retrieve": "teams.view_apikey",
        "create": "teams.manage_keys",
        "destroy": "teams.manage_keys",
    }

    @extend_schema(
        summary="Make a key; its text is shown this once",
        request=serializers.ApiKeySerializer,
        responses={201: serializers.NewApiKeySerializer},
    )
    def create(self, request: Request) -> Response:
        """Make a key that holds no more than the caller does."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        key, text = api_keys.create(
            organization=self.organization, actor=request.user, **serializer.validated_data
        )
        return Response({**self.get_serializer(key).data, "key": text}, status=201)

    def perform_destroy(self, instance: models.Model) -> None:
        """Revoke at once."""
        assert isinstance(instance, ApiKey)
        api_keys.revoke(instance, actor=self.request.user)
