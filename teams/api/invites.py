"""`/team/…/invitations`: who is asked in, and how they join."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core.api.idempotency import IdempotentView
from chatboost.core.api.schema import ID
from chatboost.core.api.views import ListView, View
from chatboost.core.api.viewsets import OrganizationViewSet
from chatboost.core.errors import Forbidden, ValidationFailed
from teams.api import accounts, invite_serializers
from teams.api.organizations import ORGANIZATION_ID
from teams.api.permissions import RoleInPath
from teams.models import Invite, Membership, User
from teams.selectors import memberships
from teams.services import addresses, invites

INVITATION_ID = OpenApiParameter("invitation_id", ID, OpenApiParameter.PATH)
MANAGE = "teams.manage_members"


class InvitationsView(IdempotentView, ListView):
    """GET and POST /team/organizations/{organization_id}/invitations."""

    permission_classes = (RoleInPath,)
    permission_map: ClassVar[dict[str, str]] = {"get": "teams.view_invite", "post": MANAGE}
    queryset = Invite.objects.none()
    serializer_class = invite_serializers.InviteSerializer
    filter_backends = ()

    @extend_schema(
        operation_id="team_invitations",
        summary="Invites that nobody has accepted yet, newest first",
        description="An expired one stays in the list until it is sent again or revoked.",
        parameters=[ORGANIZATION_ID],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="team_invitations_create",
        summary="Ask somebody in by e-mail",
        parameters=[ORGANIZATION_ID],
        request=invite_serializers.NewInviteSerializer,
        responses={
            201: invite_serializers.InviteSerializer,
            403: OpenApiResponse(description="`beyond_your_role`: nobody invites above their own role."),
            409: OpenApiResponse(description="`already_member`, `already_invited` or `limit_reached`."),
        },
    )
    def post(self, request: Request, organization_id: str) -> Response:
        """Write the invite and its mail."""
        serializer = invite_serializers.NewInviteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        invite = invites.create(
            organization=request.organization,  # type: ignore[attr-defined]
            actor=request.user,
            **serializer.validated_data,
        )
        return Response(invite_serializers.InviteSerializer(invite).data, status=status.HTTP_201_CREATED)

    def get_queryset(self) -> Any:
        """Return the open invites of the path's organization."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        own = Invite.objects.for_organization(self.request.organization)  # type: ignore[attr-defined]
        return own.filter(accepted_at=None, revoked_at=None).order_by("-id")


class InvitationViewSet(OrganizationViewSet[Invite]):
    """One invite of the request's organization."""

    queryset = Invite.objects.order_by("-id")
    serializer_class = invite_serializers.InviteSerializer
    lookup_url_kwarg = "invitation_id"
    permission_map: ClassVar[dict[str, str]] = {"resend": MANAGE, "revoke": MANAGE}

    @extend_schema(
        operation_id="team_invitations_resend",
        summary="Send an invite again",
        description="With a new link that works for as long as the first one did; the old link is dead.",
        parameters=[INVITATION_ID],
        request=None,
        responses={
            200: invite_serializers.InviteSerializer,
            409: OpenApiResponse(description="`invite_closed`: accepted or revoked; or `limit_reached`."),
        },
    )
    def resend(self, request: Request, invitation_id: str) -> Response:
        """Send it."""
        invite = invites.resend(invite=self.get_object(), actor=request.user)
        return Response(self.get_serializer(invite).data)

    @extend_schema(
        operation_id="team_invitations_revoke",
        summary="Take an invite back",
        description="Its link is dead at once. Doing it twice changes nothing.",
        parameters=[INVITATION_ID],
        responses={204: None, 409: OpenApiResponse(description="`invite_closed`: it is accepted.")},
    )
    def revoke(self, request: Request, invitation_id: str) -> Response:
        """Revoke it."""
        invites.revoke(invite=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AcceptView(View):
    """POST /team/invitations/{token}/accept."""

    access = "anybody"
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="team_invitations_accept",
        summary="Join an organization by an invite",
        description=(
            "Somebody new sends a name and a password, and no credentials: 201, and the account is ready to "
            "sign in. Who has an account calls this signed in, with an empty body: 200. A token works once."
        ),
        parameters=[OpenApiParameter("token", {"type": "string", "maxLength": 100}, OpenApiParameter.PATH)],
        request=invite_serializers.AcceptSerializer,
        responses={
            200: accounts.serializers.MeSerializer,
            201: accounts.serializers.MeSerializer,
            401: OpenApiResponse(description="`sign_in_required`: the address has an account."),
            403: OpenApiResponse(description="`wrong_account`: the invite was sent to another address."),
            404: OpenApiResponse(description="`invite_not_found`."),
            410: OpenApiResponse(description="`invite_used`, `invite_revoked` or `invite_expired`."),
        },
    )
    def post(self, request: Request, token: str) -> Response:
        """Accept."""
        serializer = invite_serializers.AcceptSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        key, answer = invites.key_of(token), int(status.HTTP_200_OK)
        if request.user and request.user.is_authenticated:
            if not isinstance(request.user, User):
                raise Forbidden("An API key can't do this.", code="user_required")
            membership = invites.accept(key=key, user=request.user)
        else:
            membership, answer = _newcomer(key, serializer.validated_data), status.HTTP_201_CREATED
        user = membership.user
        seat = memberships.seat_in(user, membership.organization_id)
        response = Response(accounts.described(user, seat), status=answer)
        response["Cache-Control"] = "no-store"
        return response


def _newcomer(key: str, data: dict[str, Any]) -> Membership:
    invite = invites.find_by_key(key)
    if addresses.is_taken(invite.email):
        raise invites.sign_in_required()
    if "password" not in data:
        message = "A new account needs a password."
        raise ValidationFailed(message, errors={"password": [message]})
    return invites.accept_as_new(key=key, name=data["name"], password=data["password"])
