"""The base of the console's own pages."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.views.generic import TemplateView

from chatboost.core.admin.scoping import is_allowed, organization_of


class ConsolePage(TemplateView):
    """A page inside the console's frame, for members whose role holds `permission`.

    `site` is the admin site, given to `as_view`. `breadcrumbs` are (title, address) pairs above the title.
    """

    site: Any = None
    permission: ClassVar[str]
    title: str = ""

    @property
    def organization(self) -> Any:
        """The request's organization; None on a page of the installation, for staff who belong to none."""
        return organization_of(self.request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Ask the role first."""
        if not is_allowed(request, self.permission):
            raise PermissionDenied
        request.current_app = self.site.name
        return super().dispatch(request, *args, **kwargs)

    def breadcrumbs(self) -> list[tuple[str, str]]:
        """Return what lies above this page."""
        return []

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the frame's context."""
        context = super().get_context_data(**kwargs)
        return {
            **self.site.each_context(self.request),
            "title": self.title,
            "page_title": self.title,
            "breadcrumbs": self.breadcrumbs(),
            **context,
        }
