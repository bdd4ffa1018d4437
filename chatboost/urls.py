"""All routes: operations, API, accounts, console."""

from django.urls import include, path, re_path
from django.views.generic import RedirectView

from chatboost import api
from chatboost.console.site import site
from chatboost.core import health, metrics

urlpatterns = [
    re_path(r"^livez/?$", health.livez),
    re_path(r"^readyz/?$", health.readyz),
    re_path(r"^metrics/?$", metrics.serve),
    path("admin/", site.urls),
    path("accounts/", include("teams.urls")),
    path("accounts/", include("allauth.urls")),
    path("", include(api.urlpatterns)),
    path("", RedirectView.as_view(url="/admin/")),
]

handler400 = "chatboost.api.bad_request"
handler404 = "chatboost.api.no_route"
handler500 = "chatboost.api.server_error"
