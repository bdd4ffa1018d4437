"""How API callers prove who they are, and which organization that makes the request about."""

from typing import Any

from allauth.headless.contrib.rest_framework.authentication import JWTTokenAuthentication
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.authentication import SessionAuthentication as DRFSessionAuthentication
from rest_framework.request import Request

from teams.models import ApiKey, Organization
from teams.principals import ApiKeyPrincipal
from teams.services import api_keys, organization_choice, sessions


class JWTAuthentication(JWTTokenAuthentication):
    """`Authorization: Bearer <access token>`; X-Organization chooses among several organizations."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the user and the token's claims, or None when there is no Bearer token."""
        result = super().authenticate(request)
        if result is None:
            return None
        user, claims = result
        _about(request, organization_choice.for_header(user, request.headers.get("X-Organization")))
        return user, claims

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        """Return the user and the claims. Raises AuthenticationFailed unless the token is live."""
        validated = sessions.validate(key)
        if validated is None:
            raise exceptions.AuthenticationFailed("The access token is not valid.", code="invalid_token")
        return validated

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so a missing credential answers 401 and not 403."""
        return "Bearer"


class SessionAuthentication(DRFSessionAuthentication):
    """The console's session cookie, with CSRF; X-Organization may override the console's choice."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the signed-in user."""
        result = super().authenticate(request)
        slug = request.headers.get("X-Organization")
        if result and slug:
            _about(request, organization_choice.for_header(result[0], slug))
        return result


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <key>`; the key is bound to one organization."""

    keyword = b"api-key"

    def authenticate(self, request: Request) -> tuple[ApiKeyPrincipal, ApiKey] | None:
        """Return the key's principal. Raises AuthenticationFailed for a wrong, revoked or expired key."""
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() != self.keyword:
            return None
        key = api_keys.find(secret.strip().decode("latin-1"))
        if key is None:
            raise exceptions.AuthenticationFailed("The API key is not valid.", code="invalid_api_key")
        _about(request, key.organization)
        return ApiKeyPrincipal(key), key

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme."""
        return "Api-Key"


def _about(request: Request, organization: Organization | None) -> None:
    """Put the organization where the console's middleware puts it too."""
    request._request.organization = organization  # type: ignore[attr-defined]


class JWTScheme(OpenApiAuthenticationExtension):
    """Describes the Bearer token in the schema."""

    target_class = "teams.authentication.JWTAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the OpenAPI object."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """Describes the API key in the schema."""

    target_class = "teams.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the OpenAPI object."""
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Api-Key <key>`"}


class SessionScheme(OpenApiAuthenticationExtension):
    """Describes the console's cookie in the schema."""

    target_class = "teams.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the OpenAPI object."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
