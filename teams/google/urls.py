"""Routes of sign-in with Google, below /accounts/. One-tap sign-in by a token is not among them."""

from allauth.socialaccount.providers.oauth2.urls import default_urlpatterns

from teams.google.provider import GoogleProvider

urlpatterns = default_urlpatterns(GoogleProvider)
