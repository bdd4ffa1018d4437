"""Buttons on a row's page that change state, by POST."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from chatboost.core.admin.scoping import is_allowed
from chatboost.core.errors import DomainError


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailAction:
    """A button on a row's page that changes state, by POST.

    `name` is the admin's method `name(request, row)`, which returns a response or None for the row's page.
    `permission` is asked in full (`flows.publish`). `confirm` is the question asked first, if any.
    """

    name: str
    label: str
    permission: str
    icon: str = ""
    confirm: str = ""
    is_primary: bool = False


class DetailActions:
    """Mixin for ModelAdmin: offers `detail_actions` on a row's page to whoever holds their permission."""

    detail_actions: ClassVar[Sequence[DetailAction]] = ()
    model: type[Model]
    opts: Any
    admin_site: Any

    def is_shown(self, action: DetailAction, obj: Any) -> bool:
        """Tell whether a button makes sense for this row."""
        return True

    def may_do(self, request: HttpRequest, action: DetailAction, obj: Any) -> bool:
        """Tell whether the visitor may use a button of this row."""
        return is_allowed(request, action.permission)

    def get_urls(self) -> list[URLPattern]:
        """Add the buttons' addresses."""
        buttons = path(
            "<path:object_id>/do/<slug:action_name>/",
            self.admin_site.admin_view(self.detail_action_view),
            name=f"{self.opts.app_label}_{self.opts.model_name}_action",
        )
        return [buttons, *super().get_urls()]  # type: ignore[misc]

    def detail_action_view(self, request: HttpRequest, object_id: str, action_name: str) -> HttpResponse:
        """Run a row's button; anything but a POST is refused."""
        if request.method != "POST":
            return HttpResponse(
                "Use the button: this address takes POST only.", status=405, headers={"Allow": "POST"}
            )
        action = next((action for action in self.detail_actions if action.name == action_name), None)
        row = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if action is None or row is None:
            raise Http404("No such row or button.")
        if not self.may_do(request, action, row):
            raise PermissionDenied
        try:
            response = getattr(self, action.name)(request, row)
        except DomainError as refusal:
            _show_refusal(request, refusal)
            response = None
        return response or HttpResponseRedirect(self.url("change", row.pk))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add the row's buttons to the page."""
        row = kwargs.get("obj")
        if row is not None:
            context["detail_buttons"] = [
                (action, self.url("action", row.pk, action.name))
                for action in self.detail_actions
                if self.may_do(request, action, row) and self.is_shown(action, row)
            ]
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]
        return response

    def url(self, page: str, *args: Any) -> str:
        """Return the address of one of this model's pages (`change`, `changelist`, `add`, …)."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)


def _show_refusal(request: HttpRequest, refusal: DomainError) -> None:
    messages.error(request, refusal.message)
    for name, found in refusal.errors.items():
        for message in found:
            messages.warning(request, f"{name}: {message}")
