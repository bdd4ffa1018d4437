"""The console's pages, as its URL map has them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver

from chatboost.core import preferences
from chatboost.core.admin import StaffAdmin
from chatboost.core.models import File
from tests import factories
from tests.architecture.tenants import Tenant

# The parts of an address that name a row.
NO_ROW = 424242
ROW_PARTS = {"object_id", "pk", "uuid"}


@dataclass(frozen=True, slots=True)
class Page:
    """One entry of the URL map. `model` is what its address is about, if it is about one."""

    name: str
    pattern: URLPattern = field(repr=False)
    route: str
    model: type[Model] | None
    admin: ModelAdmin[Any] | None = field(repr=False)

    @property
    def parts(self) -> set[str]:
        """Return the names of what the address leaves open."""
        return set(self.pattern.pattern.converters)

    @property
    def is_about_a_row(self) -> bool:
        """Whether the address names a row."""
        return bool(self.parts & ROW_PARTS)

    @property
    def is_for_staff(self) -> bool:
        """Whether the page belongs to the installation, not to an organization."""
        return isinstance(self.admin, StaffAdmin)

    def addresses(self, tenant: Tenant) -> Iterator[str]:
        """Yield the page's addresses about a tenant's rows: one for each button, one for each room."""
        row: Any = tenant.rows.get(self.model) if self.model else None
        choices: dict[str, list[Any]] = {
            "object_id": [row.pk if row else NO_ROW],
            "pk": [row.pk if row else NO_ROW],
            "action_name": [each.name for each in getattr(self.admin, "detail_actions", ())] or ["nothing"],
            "uuid": [tenant.rows[File].uuid],  # type: ignore[attr-defined]
            "room": [each.name for each in preferences.rooms()],
            "content_type_id": [ContentType.objects.get_for_model(type(tenant.organization)).pk],
        }
        filled = [self.route]
        for part, converter in self.pattern.pattern.converters.items():
            values = choices.get(part, ["1"])
            written = _placeholder(self.route, part)
            filled = [
                address.replace(written, str(converter.to_url(value)))
                for address in filled
                for value in values
            ]
        yield from (f"/{address}" for address in filled)


def pages(site: AdminSite, prefix: str = "admin/") -> list[Page]:
    """Return every page of a site."""
    return [_page(site, route, entry, prefix) for route, entry in _walk(site.get_urls(), prefix)]


def browser_of(user: Any) -> Client:
    """Return a browser in which the user is signed in; what we fail at is a page with 500."""
    client = Client(raise_request_exception=False)
    client.force_login(user, backend=factories.SIGN_IN)
    return client


def _page(site: AdminSite, route: str, entry: URLPattern, prefix: str) -> Page:
    words = route.removeprefix(prefix).split("/")
    model = _model(words)
    return Page(entry.name or route, entry, route, model, site._registry.get(model) if model else None)


def _model(words: list[str]) -> type[Model] | None:
    try:
        return apps.get_model(words[0], words[1])
    except (LookupError, IndexError, ValueError):
        return None


def _walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for entry in patterns:
        route = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, route)
        elif not route.endswith("$"):
            yield route, entry


def _placeholder(route: str, part: str) -> str:
    start = route.rindex("<", 0, route.index(f"{part}>"))
    return route[start : route.index(">", start) + 1]
