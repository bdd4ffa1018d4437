"""`/auth`: registration, tokens, passwords, and who one is."""

from collections.abc import Sequence
from typing import Any, ClassVar

from allauth.account.adapter import get_adapter
from allauth.headless import app_settings as headless_settings
from django.db import models
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from chatboost.core.api import problems
from chatboost.core.api.parsers import StrictFormParser, StrictJSONParser
from chatboost.core.api.permissions import SignedIn
from chatboost.core.api.views import ListView, View
from teams import roles
from teams.api import headless, serializers
from teams.api.permissions import Person, RoleAnywhere, person
from teams.errors import SecondFactorRequired
from teams.models import Membership, Organization, User
from teams.selectors import memberships
from teams.services import passwords, registration, sessions
from teams.services.sessions import Tokens


def _either(name: str, *shapes: type[Serializer[Any]]) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(name, serializers=list(shapes), resource_type_field_name=None)


class PublicView(View):
    """A route for callers without credentials; credentials that come anyway are not read."""

    access = "anybody"
    authentication_classes = ()
    permission_classes = (AllowAny,)


class RegisterView(PublicView):
    """POST /auth/register."""

    @extend_schema(
        operation_id="auth_register",
        summary="Register a user with an organization of their own",
        request=serializers.RegistrationSerializer,
        responses={201: serializers.MeSerializer},
    )
    def post(self, request: Request) -> Response:
        """Register."""
        headless.consume(request._request, "signup")
        user = registration.register(**_validated(serializers.RegistrationSerializer, request))
        headless.send_verification_mail(request._request, user)
        seat = memberships.seats_of(user)[0]
        return Response(described(user, seat), status=status.HTTP_201_CREATED)


class TokenView(PublicView):
    """POST /auth/token."""

    parser_classes = (StrictJSONParser, StrictFormParser)

    @extend_schema(
        operation_id="auth_token",
        summary="Exchange an e-mail and a password for tokens",
        request=_either("SignIn", serializers.EmailSignInSerializer, serializers.UsernameSignInSerializer),
        responses={
            200: serializers.TokensSerializer,
            401: OpenApiResponse(
                description="`invalid_credentials`, `account_inactive`, or `mfa_required` and `mfa_token`."
            ),
            429: OpenApiResponse(description="Locked out for a while: see Retry-After."),
        },
    )
    def post(self, request: Request) -> Response:
        """Sign in."""
        data = _validated(serializers.SignInSerializer, request)
        try:
            tokens = headless.sign_in(request._request, email=data["email"], password=data["password"])
        except SecondFactorRequired as step:
            return _second_factor_problem(step)
        return Response(_pair(tokens))


class SecondStepView(PublicView):
    """POST /auth/token/mfa."""

    @extend_schema(
        operation_id="auth_token_mfa",
        summary="Finish a sign-in with a code of the second factor",
        request=serializers.SecondStepSerializer,
        responses={200: serializers.TokensSerializer},
    )
    def post(self, request: Request) -> Response:
        """Take the second step."""
        data = _validated(serializers.SecondStepSerializer, request)
        return Response(
            _pair(headless.second_step(request._request, token=data["mfa_token"], code=data["code"]))
        )


class RefreshView(PublicView):
    """POST /auth/token/refresh."""

    parser_classes = (StrictJSONParser, StrictFormParser)

    @extend_schema(
        operation_id="auth_token_refresh",
        summary="Exchange a refresh token for a new pair",
        description="The old refresh token ends here. Sent a second time, it ends the whole session.",
        request=serializers.RefreshSerializer,
        responses={200: serializers.TokensSerializer},
    )
    def post(self, request: Request) -> Response:
        """Rotate."""
        data = _validated(serializers.RefreshSerializer, request)
        return Response(_pair(sessions.refresh(data["refresh_token"])))


class LogoutView(View):
    """POST /auth/logout."""

    permission_classes = (Person,)

    @extend_schema(
        operation_id="auth_logout",
        summary="End this session with its tokens",
        request=None,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """Sign out."""
        claims: Any = request.auth
        key = sessions.key_of(claims) if claims else None
        if key:
            sessions.end(key)
        else:
            get_adapter().logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordChangeView(View):
    """POST /auth/password/change."""

    permission_classes = (Person,)

    @extend_schema(
        operation_id="auth_password_change",
        summary="Change one's password",
        description="Every session and token of the user ends, this one too: sign in again.",
        request=serializers.PasswordChangeSerializer,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """Change the password."""
        data = _validated(serializers.PasswordChangeSerializer, request)
        headless.consume(request._request, "change_password", user=person(request))
        passwords.change(user=person(request), current=data["current_password"], new=data["new_password"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordResetView(PublicView):
    """POST /auth/password/reset."""

    @extend_schema(
        operation_id="auth_password_reset",
        summary="Ask for a reset mail, or set a new password with its key",
        description="202 to an e-mail, whether it is known or not; 204 to a key and a password.",
        request=_either(
            "PasswordReset", serializers.PasswordResetMailSerializer, serializers.NewPasswordSerializer
        ),
        responses={202: None, 204: None},
    )
    def post(self, request: Request) -> Response:
        """Take one of the two steps."""
        data = _validated(serializers.PasswordResetSerializer, request)
        if "email" in data:
            headless.request_password_reset(request._request, email=data["email"])
            return Response(status=status.HTTP_202_ACCEPTED)
        headless.finish_password_reset(request._request, key=data["key"], password=data["password"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(View):
    """GET /auth/me."""

    permission_classes = (SignedIn,)

    @extend_schema(
        operation_id="auth_me",
        summary="Who the caller is and what they may do",
        responses=serializers.MeSerializer,
    )
    def get(self, request: Request) -> Response:
        """Describe the caller."""
        organization = getattr(request, "organization", None)
        seat = memberships.seat_in(request.user, organization.pk) if organization else None
        return Response(described(request.user, seat))


class UsersView(ListView):
    """GET /auth/users."""

    permission_classes = (RoleAnywhere,)
    permission_map: ClassVar[dict[str, str]] = {"get": "teams.view_membership"}
    organizations: Sequence[Organization] = ()
    queryset = Membership.objects.none()
    serializer_class = serializers.ColleagueSerializer
    search_fields = ["user__email", "user__name"]
    filterset_fields = ["role"]
    ordering_fields = ["id", "user__email", "user__name"]

    @extend_schema(
        operation_id="auth_users",
        summary="Users of the caller's organizations",
        description=(
            "One row for each organization that somebody belongs to; X-Organization keeps the users of one. "
            "An API key sees its own organization's."
        ),
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> models.QuerySet[Membership]:
        """Return the members of the caller's organizations."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return memberships.of_organizations(self.organizations)


def _validated(serializer_class: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _pair(tokens: Tokens) -> dict[str, Any]:
    return {
        "access_token": tokens.access,
        "token_type": "bearer",
        "expires_in": headless_settings.JWT_ACCESS_TOKEN_EXPIRES_IN,
        "refresh_token": tokens.refresh,
    }


def _second_factor_problem(step: SecondFactorRequired) -> Response:
    problem = problems.document(status=step.status, code=step.code, detail=step.message)
    response = Response(
        {**problem, "mfa_token": step.token}, status=step.status, content_type=problems.CONTENT_TYPE
    )
    response["WWW-Authenticate"] = step.auth_header
    return response


def described(caller: Any, seat: Any) -> dict[str, Any]:
    """Return who the caller is and what they may do from a seat, if any."""
    is_user = isinstance(caller, User)
    held = roles.permissions_of(seat.role) if seat else []
    return dict(
        serializers.MeSerializer(
            {
                "id": caller.pk if is_user else None,
                "email": caller.email,
                "name": caller.name if is_user else caller.key.name,
                "is_staff": caller.is_staff,
                "organizations": memberships.seats_of(caller),
                "organization": seat,
                "permissions": [name for name in held if caller.has_perm(name, seat.organization)],
            }
        ).data
    )
