"""Routes of the kernel's own API: jobs, dead letters, files."""

from django.urls import URLPattern, URLResolver, re_path

from chatboost.core.api.dead_letters import DeadLetterViewSet
from chatboost.core.api.jobs import JobViewSet
from chatboost.core.api.routers import Router
from chatboost.core.files.serve import FileView

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

router = Router()
router.register("jobs", JobViewSet, basename="job")
router.register("dead-letters", DeadLetterViewSet, basename="dead-letter")

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(rf"^files/(?P<uuid>{_UUID})/?$", FileView.as_view(), name="file"),
    *router.urls,
]
