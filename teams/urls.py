"""Account pages that allauth does not have, or that say more here; they come before its own."""

from django.urls import URLPattern, path, re_path
from django.views.generic import RedirectView

from teams import invite_views, security_views, views

urlpatterns: list[URLPattern] = [
    path("login/", views.LoginView.as_view(), name="account_login"),
    path("signup/", views.SignupView.as_view(), name="account_signup"),
    re_path(
        r"^confirm-email/(?P<key>[-:\w]+)/$", views.ConfirmEmailView.as_view(), name="account_confirm_email"
    ),
    path("organization/", views.choose_organization, name="choose_organization"),
    path("no-organization/", views.no_organization, name="no_organization"),
    path("invite/", invite_views.InviteView.as_view(), name="invite"),
    path("invite/<str:token>/", invite_views.follow_link, name="invite_link"),
    path("security/", security_views.SecurityView.as_view(), name="account_security"),
    # allauth's own page says where one is signed in, too.
    path("sessions/", RedirectView.as_view(pattern_name="account_security"), name="usersessions_list"),
    path("security/sessions/end/", security_views.end_session, name="end_session"),
    path("security/sessions/end-all/", security_views.end_all_sessions, name="end_all_sessions"),
]
