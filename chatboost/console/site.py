"""The admin site of the console."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules
from unfold.sites import UnfoldAdminSite

from chatboost.console import home, mixups, navigation, search, second_step
from chatboost.console.pages import urls as pages
from chatboost.console.templatetags.console_forms import FIELD
from chatboost.core import csp
from chatboost.core.admin import registry
from chatboost.core.admin.display import EMPTY
from chatboost.core.admin.scoping import organization_of
from teams import views

View = Callable[..., HttpResponse]


class ConsoleSite(UnfoldAdminSite):
    """Lets in any active member of an organization; what each may do is asked of their role."""

    index_template = "console/home.html"
    index_title = "Home"
    empty_value_display = EMPTY
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may enter the console."""
        user = request.user
        return user.is_active and (organization_of(request) is not None or user.is_staff)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Leave signing in to the account pages, so that lock-out and two-step sign-in cover the console."""
        return views.enter_console(request)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Leave signing out to the account pages too."""
        return HttpResponseRedirect(reverse("account_logout"))

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Leave the password to the account pages too."""
        return HttpResponseRedirect(reverse("account_change_password"))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add what the frame needs beside Unfold's own: the trail above a page, and whose forms are on it."""
        organization = organization_of(request)
        opened_for = {FIELD: organization.pk} if organization else {}
        return {**super().each_context(request), **opened_for, "trail_of": self.trail_of}

    def trail_of(self, opts: Any, row: Any = None) -> list[dict[str, str]]:
        """Return what stands above a model's page, or above a row's."""
        admin = self._registry.get(opts.model)
        titled = getattr(admin, "row_title", str)
        return navigation.trail(opts, titled(row) if row is not None else "")

    def extra_urls(self) -> list[URLPattern]:
        """Return the console's own pages; they come before the models' pages."""
        return pages.patterns(self)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Show and read times in the organization's zone; let the theme's scripts run."""
        # A view that sets how an upload is read asks by itself, afterwards.
        is_early = not getattr(view, "csrf_exempt", False)
        inner = super().admin_view(self.keep_apart(view) if is_early else view, cacheable)

        def in_zone(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            with timezone.override(zone_of(request)):
                response = second_step.refusal(request, self) or inner(request, *args, **kwargs)
                # A template response renders itself later, outside of this block.
                if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
                    response.render()
                return response

        return cast(View, update_wrapper(csp_update(csp.CONSOLE)(in_zone), inner))

    def keep_apart(self, view: View) -> View:
        """Have a view refuse a form that was opened for another organization."""

        def apart(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return mixups.refusal(request, self) or view(request, *args, **kwargs)

        return cast(View, update_wrapper(apart, view))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the home page."""
        return super().index(request, {**home.context(request), **(extra_context or {})})

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Answer the sidebar's search for this organization and role.

        Unfold's own remembers results per user, across organizations.
        """
        term = request.GET.get("s", "").strip()
        results = search.find(self, request, term) if term else []
        return TemplateResponse(
            request,
            "unfold/helpers/search_results.html",
            {"results": results},
            headers={"HX-Trigger": "search"},
        )


def zone_of(request: HttpRequest) -> ZoneInfo:
    """Return the organization's time zone."""
    organization = organization_of(request)
    try:
        return ZoneInfo(organization.time_zone if organization else "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _make() -> ConsoleSite:
    """Make the site with every room's pages."""
    made = ConsoleSite(name="admin")
    # Rows go one by one, through their service.
    made.disable_action("delete_selected")
    autodiscover_modules("admin")
    for model, admin_class in registry.registered().items():
        made.register(model, admin_class)
        # A list is called the same in the menu, on its page and in the trail above its rows.
        made.get_model_admin(model).list_title = navigation.list_title(model._meta.label_lower)
    return made


site = _make()
