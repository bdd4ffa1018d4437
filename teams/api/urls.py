"""Routes of this room's API."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from chatboost.core.api.routers import Router
from teams.api import accounts, audit, consent, invites, members, organizations
from teams.api.api_keys import ApiKeyViewSet
from teams.api.connections import ConnectionViewSet
from teams.api.notifications import NotificationViewSet

router = Router()
router.register("team/organizations", organizations.OrganizationViewSet, basename="team-organization")
router.register(
    "team/organizations/(?P<organization_id>[0-9]{1,18})/members",
    members.MemberViewSet,
    basename="team-member",
)
router.register("team/api-keys", ApiKeyViewSet, basename="team-api-key")
router.register("team/connections", ConnectionViewSet, basename="team-connection")
router.register("notifications", NotificationViewSet, basename="notification")

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^auth/register/?$", accounts.RegisterView.as_view(), name="auth-register"),
    re_path(r"^auth/token/?$", accounts.TokenView.as_view(), name="auth-token"),
    re_path(r"^auth/token/mfa/?$", accounts.SecondStepView.as_view(), name="auth-token-mfa"),
    re_path(r"^auth/token/refresh/?$", accounts.RefreshView.as_view(), name="auth-token-refresh"),
    re_path(r"^auth/logout/?$", accounts.LogoutView.as_view(), name="auth-logout"),
    re_path(r"^auth/password/change/?$", accounts.PasswordChangeView.as_view(), name="auth-password-change"),
    re_path(r"^auth/password/reset/?$", accounts.PasswordResetView.as_view(), name="auth-password-reset"),
    re_path(r"^auth/me/?$", accounts.MeView.as_view(), name="auth-me"),
    re_path(r"^auth/users/?$", accounts.UsersView.as_view(), name="auth-users"),
    re_path(
        r"^team/my-organizations/?$",
        organizations.MyOrganizationsView.as_view(),
        name="team-my-organizations",
    ),
    re_path(
        r"^team/permissions/check/?$",
        organizations.PermissionCheckView.as_view(),
        name="team-permissions-check",
    ),
    re_path(r"^team/audit/?$", audit.AuditView.as_view(), name="team-audit"),
    re_path(r"^team/audit/export/?$", audit.AuditExportView.as_view(), name="team-audit-export"),
    re_path(
        r"^team/organizations/(?P<organization_id>[0-9]{1,18})/invitations/?$",
        invites.InvitationsView.as_view(),
        name="team-invitations",
    ),
    re_path(
        r"^team/invitations/(?P<invitation_id>[0-9]{1,18})/resend/?$",
        invites.InvitationViewSet.as_view({"post": "resend"}),
        name="team-invitation-resend",
    ),
    re_path(
        r"^team/invitations/(?P<invitation_id>[0-9]{1,18})/revoke/?$",
        invites.InvitationViewSet.as_view({"delete": "revoke"}),
        name="team-invitation-revoke",
    ),
    re_path(
        r"^team/invitations/(?P<token>[^/]+)/accept/?$",
        invites.AcceptView.as_view(),
        name="team-invitation-accept",
    ),
    re_path(r"^authorize/?$", consent.AuthorizeView.as_view(), name="authorize"),
    re_path(r"^oauth2callback/?$", consent.CallbackView.as_view(), name="oauth2callback"),
    re_path(r"^team/roles/?$", organizations.RolesView.as_view(), name="team-roles"),
    path("", include(router.urls)),
]
