"""/invitations/, the pictures of invitations for members, and the webhook of Mautic."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from chatboost.core.api.parsers import StrictJSONParser
from chatboost.core.api.views import View
from chatboost.core.api.viewsets import ReadViewSet
from chatboost.core.errors import NotFound, ValidationFailed
from chatboost.core.files import serve
from invitations import privacy
from invitations.api import filters
from invitations.api.serializers import (
    CropSerializer,
    ErasedSerializer,
    InvitationDetailSerializer,
    InvitationSerializer,
    PersonSerializer,
    ResolveSerializer,
    WebhookAnswerSerializer,
)
from invitations.models import Invitation
from invitations.selectors import invitations as selectors
from invitations.services import cards, webhooks

CHANGE = "invitations.change_invitation"
# The name of a picture never means another one.
_KEPT = serve.Manner(cache="private, max-age=31536000, immutable", disposition="inline", has_validator=True)


class InvitationViewSet(ReadViewSet[Invitation]):
    """Invitations, newest first; one with its steps, links and errors."""

    queryset = Invitation.objects.order_by("-id")
    permission_map = {
        "list": "invitations.view_invitation",
        "retrieve": "invitations.view_invitation",
        "crop": CHANGE,
        "resolve": CHANGE,
        "retry": CHANGE,
        "erase": "invitations.erase",
        "export": "invitations.view_invitation",
    }
    filterset_class = filters.InvitationFilter
    search_fields = ["name", "email", "external_id", "lucky_number"]
    ordering_fields = ["id", "name", "created_at", "finished_at"]

    def get_queryset(self) -> "QuerySet[Any]":
        """Load the steps where they are shown, and the contacts' fields only there."""
        rows = super().get_queryset()
        return selectors.listed(rows) if self.action == "list" else selectors.detailed(rows)

    def get_serializer_class(self) -> type[BaseSerializer[Invitation]]:
        """Return the shape of the action."""
        return InvitationSerializer if self.action == "list" else InvitationDetailSerializer

    @extend_schema(request=CropSerializer, responses=InvitationDetailSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def crop(self, request: Request, pk: str) -> Response:
        """Set by hand which part of the photo is shown, and make the card again; null finds it again."""
        invitation = self.get_object()
        body = CropSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        box = body.validated_data["crop"]
        return self._shown(
            cards.crop(invitation, crop=cards.Crop(**box) if box else None, actor=request.user)
        )

    @extend_schema(request=ResolveSerializer, responses=InvitationDetailSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def resolve(self, request: Request, pk: str) -> Response:
        """End a conflict: keep what somebody wrote at the source, or have our link take its place."""
        invitation = self.get_object()
        body = ResolveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        keep_theirs = body.validated_data["keep"] == "theirs"
        return self._shown(cards.resolve(invitation, keep_theirs=keep_theirs, actor=request.user))

    @extend_schema(request=None, responses=InvitationDetailSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def retry(self, request: Request, pk: str) -> Response:
        """Try a failed invitation again, from the step that failed."""
        return self._shown(cards.retry(self.get_object(), actor=request.user))

    @extend_schema(request=PersonSerializer, responses=ErasedSerializer)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def erase(self, request: Request) -> Response:
        """Forget somebody: invitations, photos, cards here and at Drive, what Telegram was told of them."""
        erased = privacy.forget(self.organization, self._who(request), actor=request.user)
        return Response(ErasedSerializer({"erased": erased}).data)

    @extend_schema(request=PersonSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def export(self, request: Request) -> Response:
        """Return what is kept about somebody."""
        return Response({"invitations": privacy.export(self.organization, self._who(request))})

    def _who(self, request: Request) -> privacy.Who:
        body = PersonSerializer(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        given = body.validated_data
        if not given.get("email") and not (given.get("source_id") and given.get("external_id")):
            raise ValidationFailed("Name an email, or a source_id with an external_id.", code="nobody_named")
        return privacy.Who(
            email=given.get("email", ""),
            source=given.get("source_id"),
            external_id=given.get("external_id", ""),
        )

    def _shown(self, invitation: Invitation) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=invitation.pk)).data)


class PictureView(serve.FileView):
    """A photo, a card, a thumbnail or an asset, for members whose role opens it."""

    @extend_schema(
        operation_id="invitations_picture",
        tags=["invitations"],
        parameters=[
            OpenApiParameter("file_id", OpenApiTypes.UUID, OpenApiParameter.PATH),
            OpenApiParameter(
                "Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="One range of bytes."
            ),
            OpenApiParameter("If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER),
        ],
        responses={
            (200, "image/*"): OpenApiTypes.BINARY,
            (206, "image/*"): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="The copy is the same."),
            416: OpenApiResponse(description="The range lies outside the file."),
        },
    )
    def get(self, request: Request, file_id: str) -> HttpResponseBase:
        """Return the bytes, or one range of them."""
        file = self.allowed(request, UUID(file_id))
        if file.purpose not in selectors.PURPOSES:
            raise NotFound("No such picture.")
        manner = _KEPT if file.content_type.startswith("image/") else serve.ONCE
        return serve.respond(request, file, manner)


class MauticWebhookView(View):
    """The door that a Mautic knocks at."""

    access = "a Mautic, by its signature"
    authentication_classes: Sequence[Any] = []
    permission_classes = [AllowAny]
    parser_classes = [StrictJSONParser]

    @extend_schema(
        operation_id="invitations_mautic_webhook",
        tags=["invitations"],
        auth=[],
        request=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter("source_uuid", OpenApiTypes.UUID, OpenApiParameter.PATH),
            OpenApiParameter(
                webhooks.HEADER,
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                required=True,
                description="Base64 of the HMAC-SHA256 of the body.",
            ),
        ],
        responses=WebhookAnswerSerializer,
    )
    def post(self, request: Request, source_uuid: str) -> Response:
        """Invite whoever has sent a form in, or was made or changed. Delivered again, it changes nothing."""
        # One byte more than allowed: `body` would stop at DATA_UPLOAD_MAX_MEMORY_SIZE.
        raw = request._request.read(settings.WEBHOOK_MAX_BYTES + 1)
        added = webhooks.accept(UUID(source_uuid), raw, request.headers.get(webhooks.HEADER, ""))
        return Response(WebhookAnswerSerializer({"status": "ok", "invited": added.made}).data)
