"""`/team`: organizations, members, roles and permissions."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatboost.core.api.permissions import OrganizationRequired, SignedIn
from chatboost.core.errors import ValidationFailed
from teams import roles
from teams.api import serializers
from teams.api.permissions import Person, RoleInPath, person
from teams.models import Organization
from teams.roles import Role
from teams.selectors import memberships
from teams.services import organizations

ORGANIZATION_ID = OpenApiParameter("organization_id", int, OpenApiParameter.PATH)


class OrganizationViewSet(viewsets.GenericViewSet[Organization]):
    """Organizations of the caller, each by its id; the caller's role there decides."""

    queryset = Organization.objects.none()
    serializer_class = serializers.OrganizationSerializer
    lookup_url_kwarg = "organization_id"
    lookup_value_regex = r"\d{1,18}"
    permission_classes = (RoleInPath,)
    permission_map: ClassVar[dict[str, str]] = {
        "retrieve": "teams.view_organization",
        "update": "teams.change_organization",
        "members": "teams.view_membership",
    }

    def get_permissions(self) -> Any:
        """Let any person open an organization; everything else asks the role in the path's."""
        return [Person()] if self.action == "create" else super().get_permissions()

    @extend_schema(summary="Open an organization; the caller becomes its owner")
    def create(self, request: Request) -> Response:
        """Open one."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        organization = organizations.create(owner=person(request), **serializer.validated_data)
        return Response(self.get_serializer(organization).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Details of an organization", parameters=[ORGANIZATION_ID])
    def retrieve(self, request: Request, organization_id: str) -> Response:
        """Describe it."""
        return Response(self.get_serializer(self._organization).data)

    @extend_schema(
        summary="Change an organization",
        parameters=[ORGANIZATION_ID],
        request=serializers.OrganizationUpdateSerializer,
        responses=serializers.OrganizationSerializer,
    )
    def update(self, request: Request, organization_id: str) -> Response:
        """Change it; what is missing stays."""
        serializer = serializers.OrganizationUpdateSerializer(self._organization, data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = {field: getattr(self._organization, field) for field in ("name", "time_zone", "language")}
        organizations.update(organization=self._organization, **(wanted | serializer.validated_data))
        return Response(self.get_serializer(self._organization).data)

    @extend_schema(
        summary="Members of an organization",
        parameters=[ORGANIZATION_ID],
        responses=serializers.MemberSerializer(many=True),
    )
    @action(detail=True, pagination_class=generics.GenericAPIView.pagination_class, filter_backends=[])
    def members(self, request: Request, organization_id: str) -> Response:
        """List them, oldest first."""
        members: Any = memberships.of_organization(self._organization)
        page = self.paginate_queryset(members)
        return self.get_paginated_response(serializers.MemberSerializer(page, many=True).data)

    @property
    def _organization(self) -> Organization:
        organization: Organization = self.request.organization  # type: ignore[attr-defined]
        return organization


class MyOrganizationsView(generics.ListAPIView[Any]):
    """GET /team/my-organizations."""

    permission_classes = (SignedIn,)
    serializer_class = serializers.SeatSerializer
    filter_backends = ()

    @extend_schema(operation_id="team_my_organizations", summary="Organizations of the caller, by name")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them with the caller's role in each."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        """Return the caller's seats."""
        return memberships.seats_of(self.request.user)


class PermissionCheckView(APIView):
    """GET /team/permissions/check."""

    permission_classes = (SignedIn,)

    @extend_schema(
        operation_id="team_permissions_check",
        summary="Whether the caller holds a permission in the request's organization",
        parameters=[
            OpenApiParameter("permission", str, required=True, description="Such as `messaging.send`.")
        ],
        responses=serializers.PermissionCheckSerializer,
    )
    def get(self, request: Request) -> Response:
        """Ask the same function that guards every route."""
        permission = _known_permission(request)
        organization = getattr(request, "organization", None)
        seat = memberships.seat_in(request.user, organization.pk) if organization else None
        if seat is None:
            raise OrganizationRequired("Name the organization in the X-Organization header.")
        is_allowed = request.user.has_perm(permission, seat.organization)
        return Response({"permission": permission, "is_allowed": is_allowed, "role": seat.role})


class RolesView(generics.ListAPIView[Any]):
    """GET /team/roles."""

    permission_classes = (SignedIn,)
    serializer_class = serializers.RoleSerializer
    filter_backends = ()

    @extend_schema(operation_id="team_roles", summary="Roles, from most to least, and what each may do")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        """Return the five roles."""
        return [
            {"role": role.value, "label": role.label, "permissions": roles.permissions_of(role)}
            for role in Role
        ]


def _known_permission(request: Request) -> str:
    permission = request.query_params.get("permission", "")
    if not roles.is_known(permission):
        message = "Name a permission, such as messaging.send."
        raise ValidationFailed(message, code="unknown_permission", errors={"permission": [message]})
    return permission
