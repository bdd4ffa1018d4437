"""Google as allauth's provider, at the addresses of the settings."""

from typing import Any

from allauth.socialaccount.providers.base import ProviderException
from allauth.socialaccount.providers.google.provider import GoogleProvider as AllauthGoogleProvider
from allauth.socialaccount.providers.google.views import GoogleOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest

# Characters that allauth's column takes; Google's own ids have 21.
MAX_UID = 191


class GoogleEndpoints(GoogleOAuth2Adapter):
    """Knows where Google is asked."""

    @property
    def authorize_url(self) -> str:
        """Where the browser goes."""
        return str(settings.GOOGLE_AUTHORIZE_URL)

    @property
    def access_token_url(self) -> str:
        """Where we take the code to."""
        return str(settings.GOOGLE_TOKEN_URL)


class GoogleProvider(AllauthGoogleProvider):
    """Asks for name and address, and for nothing that a link's author adds."""

    package = "teams.google"
    oauth2_adapter_class = GoogleEndpoints

    def sociallogin_from_response(self, request: HttpRequest, response: Any) -> Any:
        """Read who it is. Raises: ProviderException, which is a page, where Google names nobody."""
        uid = response.get("sub") if isinstance(response, dict) else None
        if not isinstance(uid, str) or not 0 < len(uid) <= MAX_UID:
            raise ProviderException("The identity has no subject.")
        return super().sociallogin_from_response(request, response)

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        """Return the settings' scopes, whatever the address says."""
        return list(self.get_scope())

    def get_auth_params_from_request(self, request: HttpRequest, action: str) -> dict[str, Any]:
        """Return the settings' parameters, and have the person choose among their accounts."""
        return {**self.get_auth_params(), "prompt": "select_account"}
