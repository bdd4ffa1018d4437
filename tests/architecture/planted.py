"""What must never be: routes and pages that show everybody's rows, for the sweeps to find."""

from typing import Any

from django.contrib.admin import AdminSite
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, path
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.console.site import ConsoleSite
from chatboost.core.admin import OrganizationAdmin, registry
from chatboost.core.api.routers import Router
from chatboost.core.api.serializers import ModelSerializer
from chatboost.core.api.viewsets import ModelViewSet, permissions_for
from chatboost.messaging.models import Bot
from chatboost.urls import urlpatterns as product


class EverybodysBotSerializer(ModelSerializer[Bot]):
    """A bot of whomever."""

    class Meta:
        model = Bot
        fields = ["id", "name", "description"]


class EverybodysBots(ModelViewSet[Bot]):
    """Forgets whose rows they are, past every wall."""

    queryset = Bot.objects.order_by("id")
    serializer_class = EverybodysBotSerializer
    permission_map = permissions_for("messaging.bot")

    def get_queryset(self) -> QuerySet[Bot]:
        """Return everybody's."""
        return everybody()


class ListOnly(EverybodysBots):
    """Keeps details apart, and lists everything."""

    def get_queryset(self) -> QuerySet[Bot]:
        """Return everybody's in the list alone."""
        is_list = self.action == "list"
        return everybody() if is_list else Bot.objects.for_organization(self.organization)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show names, and no number."""
        return Response([bot.name for bot in self.get_queryset()])


class EverybodysBotAdmin(OrganizationAdmin):
    """Forgets whose rows they are."""

    list_display = ("name",)
    fields = ("name", "description")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return everybody's."""
        return everybody()

    def save_model(self, request: HttpRequest, obj: Bot, form: Any, change: bool) -> None:
        """Change whatever row it is."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE messaging_bot SET name = %s WHERE id = %s", [obj.name, obj.pk])


def everybody() -> QuerySet[Bot]:
    """Return every bot there is, as somebody would who knows how to get around what keeps rows apart."""
    owners = Bot._base_manager.values_list("organization_id", flat=True)
    return Bot.objects.filter(organization__in=list(_unwalled(owners))).order_by("id")


def _unwalled(rows: QuerySet[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(*rows.query.sql_with_params())
        return [row[0] for row in cursor.fetchall()]


def site() -> AdminSite:
    """Return the console with such a page in place of the bots'."""
    made = ConsoleSite(name="admin")
    for model, admin in registry.registered().items():
        made.register(model, EverybodysBotAdmin if model is Bot else admin)
    return made


_router = Router()
_router.register("planted/bots", EverybodysBots, basename="planted-bot")
_router.register("planted/names", ListOnly, basename="planted-name")
routes: list[URLPattern | URLResolver] = list(_router.urls)
planted_site = site()
urlpatterns: list[URLPattern | URLResolver] = [path("admin/", planted_site.urls), *routes, *product]
