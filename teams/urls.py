"""Account pages that allauth does not have; they come before its own."""

from django.urls import URLPattern, path

from teams import views

urlpatterns: list[URLPattern] = [
    path("signup/", views.SignupView.as_view(), name="account_signup"),
    path("organization/", views.choose_organization, name="choose_organization"),
    path("no-organization/", views.no_organization, name="no_organization"),
]
