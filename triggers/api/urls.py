"""Routes of this room's API."""

from django.urls import URLPattern, URLResolver

from chatboost.core.api.routers import Router
from triggers.api.triggers import TriggerViewSet

router = Router()
router.register("triggers", TriggerViewSet, basename="trigger")

urlpatterns: list[URLPattern | URLResolver] = list(router.urls)
