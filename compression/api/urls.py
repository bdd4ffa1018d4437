"""Routes of this room's API; `/upload`, `/status` and `/image` are where the older system had them."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, re_path
from drf_spectacular.utils import extend_schema

from compression import demo_views
from compression.api import views

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_REQUEST, _FILE = rf"(?P<request_id>{_UUID})", rf"(?P<file_id>{_UUID})"


@extend_schema(exclude=True)
class UploadAlias(views.UploadView):
    """/upload, where the older system had it."""


@extend_schema(exclude=True)
class StatusAlias(views.StatusView):
    """/status, where the older system had it."""


@extend_schema(exclude=True)
class ImageAlias(views.ImageView):
    """/image, where the older system had it."""


urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^compression/upload/?$", views.UploadView.as_view(), name="compression-upload"),
    re_path(rf"^compression/status/{_REQUEST}/?$", views.StatusView.as_view(), name="compression-status"),
    re_path(rf"^compression/image/{_FILE}/?$", views.ImageView.as_view(), name="compression-image"),
    re_path(rf"^compression/{_REQUEST}/output\.csv$", views.OutputView.as_view(), name="compression-output"),
    re_path(rf"^compression/{_REQUEST}/cancel/?$", views.CancelView.as_view(), name="compression-cancel"),
    re_path(
        rf"^compression/{_REQUEST}/retry-failed/?$",
        views.RetryFailedView.as_view(),
        name="compression-retry-failed",
    ),
    re_path(r"^webhook-completed/?$", views.CompletedView.as_view(), name="compression-webhook-completed"),
    re_path(r"^upload/?$", UploadAlias.as_view()),
    re_path(rf"^status/{_REQUEST}/?$", StatusAlias.as_view()),
    re_path(rf"^image/{_FILE}/?$", ImageAlias.as_view()),
]

if settings.COMPRESSION_DEMO_PICTURES:
    urlpatterns += demo_views.urlpatterns
