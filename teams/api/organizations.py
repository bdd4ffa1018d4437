"""`/team`: organizations, roles and permissions."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core.api.idempotency import IdempotentView
from chatboost.core.api.permissions import OrganizationRequired, SignedIn
from chatboost.core.api.schema import ID
from chatboost.core.api.views import ListView, View
from chatboost.core.errors import ValidationFailed
from teams import roles
from teams.api import serializers
from teams.api.permissions import Person, RoleInPath, person
from teams.models import Organization
from teams.roles import Role
from teams.selectors import memberships, statistics
from teams.services import deletion, members, organizations

ORGANIZATION_ID = OpenApiParameter("organization_id", ID, OpenApiParameter.PATH)


class OrganizationViewSet(IdempotentView, viewsets.GenericViewSet[Organization]):
    """Organizations of the caller, each by its id; the caller's role there decides."""

    queryset = Organization.objects.none()
    serializer_class = serializers.OrganizationSerializer
    lookup_url_kwarg = "organization_id"
    lookup_value_regex = "[0-9]{1,18}"
    permission_classes = (RoleInPath,)
    permission_map: ClassVar[dict[str, str]] = {
        "retrieve": "teams.view_organization",
        "update": "teams.change_organization",
        "destroy": "teams.delete_organization",
        "transfer_ownership": "teams.transfer_ownership",
        "stats": "teams.view_organization",
    }

    def get_permissions(self) -> Any:
        """Let any person open an organization; everything else asks the role in the path's."""
        if self.action == "create":
            return [Person()]
        # What an owner decides, a program doesn't.
        is_owners = self.action in ("destroy", "transfer_ownership")
        return [Person(), RoleInPath()] if is_owners else super().get_permissions()

    def idempotency_scope(self) -> int | None:
        """Give whoever opens an organization, so has perhaps none yet, keys of their own."""
        return -person(self.request).pk if self.action == "create" else super().idempotency_scope()

    @extend_schema(
        summary="Open an organization; the caller becomes its owner",
        responses={
            201: serializers.OrganizationSerializer,
            409: OpenApiResponse(description="`limit_reached`: the caller owns as many as a person may."),
        },
    )
    def create(self, request: Request) -> Response:
        """Open one."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        organization = organizations.create(
            owner=person(request), actor=request.user, **serializer.validated_data
        )
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
        changed = organizations.update(
            organization=self._organization, actor=request.user, **serializer.validated_data
        )
        return Response(self.get_serializer(changed).data)

    @extend_schema(
        summary="Delete an organization",
        description=(
            'Only for owners. The body repeats the slug: `{"slug": "acme"}`; another one is refused with '
            "`slug_mismatch`. Everything stops at once, and is removed some days later; until then the "
            "installation's staff can bring the organization back."
        ),
        parameters=[ORGANIZATION_ID],
        request=serializers.DeletionSerializer,
        responses={204: None},
    )
    def destroy(self, request: Request, organization_id: str) -> Response:
        """Mark it as deleted."""
        serializer = serializers.DeletionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        deletion.delete(
            organization=self._organization, actor=request.user, slug=serializer.validated_data["slug"]
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Make a member the owner in one's place",
        description="Only for owners. The caller becomes an administrator.",
        parameters=[ORGANIZATION_ID],
        request=serializers.HeirSerializer,
        responses={
            204: None,
            400: OpenApiResponse(description="`same_user`."),
            404: OpenApiResponse(description="No such organization, or no such member."),
            409: OpenApiResponse(description="`account_inactive`."),
        },
    )
    @action(detail=True, methods=["post"], url_path="transfer-ownership")
    def transfer_ownership(self, request: Request, organization_id: str) -> Response:
        """Hand it over."""
        serializer = serializers.HeirSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        members.transfer_ownership(
            organization=self._organization, actor=person(request), **serializer.validated_data
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Figures of an organization: members, invites, and what is used of each limit",
        parameters=[ORGANIZATION_ID],
        responses=serializers.StatisticsSerializer,
    )
    @action(detail=True, filter_backends=[], pagination_class=None)
    def stats(self, request: Request, organization_id: str) -> Response:
        """Count."""
        found = statistics.of_organization(self._organization)
        return Response(serializers.StatisticsSerializer(found).data)

    @property
    def _organization(self) -> Organization:
        organization: Organization = self.request.organization  # type: ignore[attr-defined]
        return organization


class MyOrganizationsView(ListView):
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


class PermissionCheckView(View):
    """GET /team/permissions/check."""

    permission_classes = (SignedIn,)

    @extend_schema(
        operation_id="team_permissions_check",
        summary="Whether the caller holds a permission in the request's organization",
        parameters=[
            OpenApiParameter(
                "permission",
                {"type": "string", "maxLength": 100},
                required=True,
                description="Such as `messaging.send`.",
            )
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


class RolesView(ListView):
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
