"""`/i/{uuid}`: the card for everybody who knows its name: a page with a preview for chats, or the picture."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from chatboost.core.api import problems
from chatboost.core.api.schema import ProblemSerializer
from chatboost.core.api.views import View
from chatboost.core.errors import NotFound
from chatboost.core.files import serve
from chatboost.core.models import File
from invitations import links
from invitations.models import Invitation
from invitations.selectors import invitations as selectors

# The address names the card: another crop, another address.
_NAMED: Final = serve.Manner(
    cache="private, max-age=31536000, immutable", disposition="inline", has_validator=True
)
# The address means whatever card there is.
_LATEST: Final = serve.Manner(cache="private, no-cache", disposition="inline", has_validator=True)
_ROBOTS: Final = ("X-Robots-Tag", "noindex, nofollow, noarchive")
_UUID: Final = OpenApiParameter("uuid", OpenApiTypes.UUID, OpenApiParameter.PATH)
_IMAGE_HEADERS: Final = (
    OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="One range of bytes."),
    OpenApiParameter("If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER),
)
_IMAGES: Final = {
    (200, "image/*"): OpenApiTypes.BINARY,
    (206, "image/*"): OpenApiTypes.BINARY,
    304: OpenApiResponse(description="The copy is the same."),
    416: OpenApiResponse(description="The range lies outside the picture."),
}
# To whoever wants a page, and to whoever wants the picture.
_MISSING: Final = {
    (404, "text/html"): OpenApiTypes.STR,
    (404, problems.CONTENT_TYPE): ProblemSerializer,
}


class _PublicView(View):
    """Serves whoever knows the name of a card."""

    access = "anybody who knows the card's name"
    authentication_classes: Sequence[Any] = []
    permission_classes = [AllowAny]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = serve.Anything
    http_method_names = ["get", "head", "options"]

    def found(self, uuid: str) -> tuple[Invitation, File]:
        """Return the card. Raises: NotFound."""
        found = selectors.public(UUID(uuid))
        if found is None:
            raise NotFound("No such card.")
        return found


class CardView(_PublicView):
    """The page of a card."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let everybody in, whatever their mail program or network has put behind the `?`."""
        APIView.initial(self, request, *args, **kwargs)

    @extend_schema(
        operation_id="invitations_card",
        tags=["invitations"],
        auth=[],
        parameters=[_UUID, *_IMAGE_HEADERS],
        responses={(200, "text/html"): OpenApiTypes.STR, **_IMAGES, **_MISSING},
    )
    def get(self, request: Request, uuid: str) -> HttpResponseBase:
        """Return the card's page; to whoever accepts pictures and no pages, the picture itself."""
        if _wants_image(request):
            return _varied(_image(request, *self.found(uuid), manner=_LATEST))
        try:
            invitation, _ = self.found(uuid)
        except NotFound:
            return _page(request, "invitations/card_missing.html", {}, status=404)
        return _page(request, "invitations/card.html", _context(invitation))


class CardImageView(_PublicView):
    """The picture of a card."""

    @extend_schema(
        operation_id="invitations_card_image",
        tags=["invitations"],
        auth=[],
        parameters=[
            _UUID,
            OpenApiParameter(
                "v",
                {"type": "string", "maxLength": 40},
                description="Which card: as the page names it. It may be kept for ever then.",
            ),
            *_IMAGE_HEADERS,
        ],
        responses=_IMAGES,
    )
    def get(self, request: Request, uuid: str) -> HttpResponseBase:
        """Return the picture, or one range of it."""
        invitation, file = self.found(uuid)
        is_named = request.query_params.get("v") == links.version_of(file.uuid)
        return _image(request, invitation, file, manner=_NAMED if is_named else _LATEST)


def _wants_image(request: Request) -> bool:
    accepted = str(request.headers.get("Accept", "")).lower()
    return "image/" in accepted and "text/html" not in accepted


def _image(request: Request, invitation: Invitation, file: File, *, manner: serve.Manner) -> HttpResponseBase:
    answer = serve.respond(request, file, manner)
    answer[_ROBOTS[0]] = _ROBOTS[1]
    # The file is named after the contact.
    if "Content-Disposition" in answer:
        answer["Content-Disposition"] = "inline"
    return answer


def _page(request: Request, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    answer = render(request._request, template, context, status=status)
    answer[_ROBOTS[0]] = _ROBOTS[1]
    answer["Cache-Control"] = "private, no-cache"
    answer["Referrer-Policy"] = "no-referrer"
    return _varied(answer)


def _varied(answer: Any) -> Any:
    answer["Vary"] = "Accept"
    return answer


def _context(invitation: Invitation) -> dict[str, Any]:
    assert invitation.card_uuid is not None
    return {
        "title": f"Invitation from {invitation.organization.name}",
        "page": links.card(invitation.uuid),
        "image": links.image(invitation.uuid, invitation.card_uuid),
        "image_path": links.image_path(invitation.uuid, invitation.card_uuid),
        "media_type": invitation.card_media_type,
        "width": invitation.card_width,
        "height": invitation.card_height,
    }
