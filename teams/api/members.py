"""`/team/organizations/…/members`: who belongs to an organization, and as what."""

from typing import Any, ClassVar

from django.db import models
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core.api.schema import ID
from chatboost.core.api.viewsets import OrganizationViewSet
from teams.api import serializers
from teams.api.organizations import ORGANIZATION_ID
from teams.api.permissions import RoleInPath
from teams.models import Membership, User
from teams.selectors import memberships
from teams.services import members

USER_ID = OpenApiParameter("user_id", ID, OpenApiParameter.PATH)
BEYOND = OpenApiResponse(description="`beyond_your_role`: nobody touches a role above their own.")
LAST_OWNER = OpenApiResponse(description="`last_owner`: an organization has an owner who can sign in.")


class OwnSeat(RoleInPath):
    """Lets members leave, whatever their role; everything else asks the role."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller may. Raises: NotFound for a foreign organization."""
        if view.action == "destroy" and is_own(request, view):
            return self.enter(request, view)
        return super().has_permission(request, view)


class MemberViewSet(mixins.ListModelMixin, OrganizationViewSet[Membership]):
    """Members of the path's organization, each by the user's id."""

    queryset = Membership.objects.none()
    serializer_class = serializers.MemberSerializer
    permission_classes = (OwnSeat,)
    permission_map: ClassVar[dict[str, str]] = {
        "list": "teams.view_membership",
        "create": members.MANAGE,
        "update": members.MANAGE,
        "destroy": members.MANAGE,
    }
    lookup_field = "user_id"
    search_fields = ["user__email", "user__name"]
    filterset_fields = ["role"]
    ordering_fields = ["id", "user__email", "user__name"]

    def get_queryset(self) -> models.QuerySet[Membership]:
        """Return the members of the path's organization."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return memberships.of_organization(self.organization)

    @extend_schema(
        operation_id="team_members", summary="Members of an organization", parameters=[ORGANIZATION_ID]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them, oldest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(
        operation_id="team_members_create",
        summary="Add a member",
        description=(
            "Works for people with whom the caller shares an organization: their role is theirs at once. "
            "Anybody else is asked in by an invite, whether they have an account or not."
        ),
        parameters=[ORGANIZATION_ID],
        request=PolymorphicProxySerializer(
            "NewMember",
            serializers=[serializers.MemberByIdSerializer, serializers.MemberByEmailSerializer],
            resource_type_field_name=None,
        ),
        responses={
            201: serializers.MemberSerializer,
            403: BEYOND,
            409: OpenApiResponse(description="`already_member`, `account_inactive` or `limit_reached`."),
            422: OpenApiResponse(description="`invite_required`."),
        },
    )
    def create(self, request: Request, organization_id: str) -> Response:
        """Add one."""
        serializer = serializers.NewMemberSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        membership = members.add_colleague(
            organization=self.organization, actor=request.user, **serializer.validated_data
        )
        return Response(self.get_serializer(membership).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="team_members_update",
        summary="Give a member another role, at once",
        parameters=[ORGANIZATION_ID, USER_ID],
        request=serializers.MemberRoleSerializer,
        responses={200: serializers.MemberSerializer, 403: BEYOND, 409: LAST_OWNER},
    )
    def update(self, request: Request, organization_id: str, user_id: str) -> Response:
        """Change the role."""
        serializer = serializers.MemberRoleSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        membership = members.change_role(
            membership=self.get_object(), actor=request.user, **serializer.validated_data
        )
        return Response(self.get_serializer(membership).data)

    @extend_schema(
        operation_id="team_members_destroy",
        summary="Remove a member at once, or leave",
        description="API keys that the member made keep working: they belong to the organization.",
        parameters=[ORGANIZATION_ID, USER_ID],
        responses={204: None, 403: BEYOND, 409: LAST_OWNER},
    )
    def destroy(self, request: Request, organization_id: str, user_id: str) -> Response:
        """Remove one."""
        if is_own(request, self) and isinstance(request.user, User):
            members.leave(organization=self.organization, user=request.user)
        else:
            members.remove(membership=self.get_object(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def is_own(request: Request, view: Any) -> bool:
    """Tell whether the path names the caller's own seat."""
    return isinstance(request.user, User) and int(view.kwargs["user_id"]) == request.user.pk
