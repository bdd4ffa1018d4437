"""The way to Google and back."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.http import Http404, HttpRequest, HttpResponse

from teams import google
from teams.google.provider import GoogleEndpoints

View = Callable[..., HttpResponse]


def _where_offered(view: View) -> View:
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not google.is_offered():
            raise Http404("Sign-in with Google is not set up.")
        response = view(request, *args, **kwargs)
        google.allow_form(response)
        return response

    return answer


oauth2_login = _where_offered(OAuth2LoginView.adapter_view(GoogleEndpoints))
oauth2_callback = _where_offered(OAuth2CallbackView.adapter_view(GoogleEndpoints))
