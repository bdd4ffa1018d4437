"""/invitations/layouts/ and /invitations/assets/."""

import json
from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from chatboost.core.api.viewsets import ModelViewSet, ReadViewSet, permissions_for
from chatboost.core.errors import NotFound
from chatboost.core.exchange.api import UploadParser
from chatboost.core.exchange.uploads import Handler
from chatboost.core.files import serve
from invitations import rendering
from invitations.api import filters
from invitations.api.serializers import (
    AssetSerializer,
    AssetUploadSerializer,
    LayoutDetailSerializer,
    LayoutSerializer,
    LayoutVersionSerializer,
    PreviewSerializer,
)
from invitations.models import InvitationLayout, LayoutAsset
from invitations.rendering import schema
from invitations.services import assets, layouts, previews

VIEW, CHANGE = "invitations.view_invitationlayout", "invitations.change_invitationlayout"
WARNINGS: Final = "X-Card-Warnings"


class AssetHandler(Handler):
    """Takes one picture or font."""

    @property
    def max_bytes(self) -> int:
        """How large it may be."""
        return assets.MAX_BYTES


class AssetParser(UploadParser):
    """A form with a picture or a font."""

    handler_class = AssetHandler


class LayoutViewSet(ModelViewSet[InvitationLayout]):
    """Layouts of the organization. Saving another document makes another version."""

    queryset = InvitationLayout.objects.order_by("name", "id")
    permission_map = permissions_for("invitations.invitationlayout") | {
        "versions": "invitations.view_layoutversion",
        "preview": CHANGE,
        "document_schema": VIEW,
    }
    # Draws, and may ask a source while it answers; stores nothing.
    unkeyed_actions = frozenset({"preview"})
    search_fields = ["name"]
    ordering_fields = ["id", "name", "created_at"]

    def get_serializer_class(self) -> type[BaseSerializer[InvitationLayout]]:
        """Return the shape of the action: lists come without documents."""
        return LayoutSerializer if self.action == "list" else LayoutDetailSerializer

    def perform_create(self, serializer: BaseSerializer[InvitationLayout]) -> None:
        """Save the layout with its first version."""
        serializer.instance = layouts.create(
            organization=self.organization, actor=self.request.user, **serializer.validated_data
        )

    def perform_update(self, serializer: BaseSerializer[InvitationLayout]) -> None:
        """Save another version, or another name."""
        layout, given = self.get_object(), serializer.validated_data
        if "name" in given:
            layout = layouts.rename(layout, name=given["name"], actor=self.request.user)
        if "document" in given:
            layouts.save_version(layout, document=given["document"], actor=self.request.user)
        serializer.instance = self.get_queryset().get(pk=layout.pk)

    def perform_destroy(self, instance: InvitationLayout) -> None:
        """Remove the layout with its versions. 409 where sources or batches use it."""
        layouts.delete(instance, actor=self.request.user)

    @extend_schema(responses=LayoutVersionSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def versions(self, request: Request, pk: str) -> Response:
        """List the layout's versions, newest first."""
        page = self.paginate_queryset(self.get_object().versions.order_by("-number"))
        return self.get_paginated_response(LayoutVersionSerializer(page, many=True).data)

    @extend_schema(
        request=PreviewSerializer,
        responses={(200, "image/png"): OpenApiTypes.BINARY, (200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    @action(
        detail=True,
        methods=["post"],
        renderer_classes=[JSONRenderer],
        content_negotiation_class=serve.Anything,
    )
    def preview(self, request: Request, pk: str) -> HttpResponseBase:
        """Draw a version, or a document that is not saved, for a contact of a source or somebody made up.

        Nothing is stored. The header X-Card-Warnings lists, as JSON, what is not as wished.
        """
        layout = self.get_object()
        given = PreviewSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        return drawn(previews.draw(_subject(layout, given.validated_data)))

    @extend_schema(responses=OpenApiTypes.OBJECT, filters=False)
    @action(detail=False, methods=["get"], url_path="schema", pagination_class=None)
    def document_schema(self, request: Request) -> Response:
        """Return the JSON Schema of documents, and the fonts that come with ChatBoost."""
        return Response({"schema": schema.SCHEMA, "fonts": rendering.font_families()})


class AssetViewSet(mixins.DestroyModelMixin, ReadViewSet[LayoutAsset]):
    """Pictures and fonts that layouts name. Another one of a name takes its place in new versions."""

    queryset = LayoutAsset.objects.order_by("name", "id")
    serializer_class = AssetSerializer
    permission_map = permissions_for("invitations.layoutasset")
    # Decoded by a child process and stored before anything is written: outside of any transaction.
    unkeyed_actions = frozenset({"create"})
    parser_classes: Sequence[type[BaseParser]] = [AssetParser]
    filterset_class = filters.AssetFilter
    search_fields = ["name", "family"]
    ordering_fields = ["id", "name", "created_at"]

    @extend_schema(request={"multipart/form-data": AssetUploadSerializer}, responses={201: AssetSerializer})
    def create(self, request: Request) -> Response:
        """Take a picture (JPEG, PNG, WebP) or a font (TrueType, OpenType)."""
        body = AssetUploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given: dict[str, Any] = dict(body.validated_data)
        content = given.pop("file").read(assets.MAX_BYTES + 1)
        asset = assets.add(organization=self.organization, content=content, actor=request.user, **given)
        return Response(self.get_serializer(asset).data, status=status.HTTP_201_CREATED)

    def perform_destroy(self, instance: LayoutAsset) -> None:
        """Let new versions not have it."""
        assets.delete(instance, actor=self.request.user)


def drawn(preview: previews.Preview) -> HttpResponse:
    """Return a drawn card as an answer."""
    answer = HttpResponse(preview.content, content_type=preview.media_type)
    answer[WARNINGS] = json.dumps(preview.warnings)[:4000]
    answer["Cache-Control"] = "private, no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = serve.HEADERS["Content-Security-Policy"]
    return answer


def _subject(layout: InvitationLayout, given: dict[str, Any]) -> previews.Subject:
    version = None
    if "document" not in given:
        rows = layout.versions.order_by("-number")
        version = (rows.filter(number=given["version"]) if "version" in given else rows).first()
        if version is None:
            raise NotFound("The layout has no such version.")
    return previews.Subject(
        organization=layout.organization,
        version=version,
        document=given.get("document"),
        source=given.get("source_id"),
        external_id=given.get("external_id", ""),
        values=given.get("values", {}),
    )
