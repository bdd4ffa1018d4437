"""The sidebar's search: pages by name, and the organization's people, bots and flows."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from unfold.dataclasses import SearchResult

from chatboost.console import navigation
from chatboost.core.admin.display import admin_url
from chatboost.messaging.models import Bot, Channel, Contact
from flows.models import Flow
from triggers.models import Trigger

# A result list is glanced at; and a term that matches a million rows must not load them.
PER_MODEL = 5
MIN_LENGTH = 2

SEARCHED = (Contact, Bot, Flow, Trigger, Channel)


def find(site: AdminSite, request: HttpRequest, term: str) -> list[SearchResult]:
    """Return the pages, then the rows, whose name has the term and that the role may see."""
    results = _pages(request, term.lower())
    if len(term) >= MIN_LENGTH:
        for model in SEARCHED:
            results += _rows(site, request, model, term)
    return results


def _pages(request: HttpRequest, term: str) -> list[SearchResult]:
    return [
        SearchResult(
            title=item["title"], description=group["title"] or "Console", link=item["link"], icon=item["icon"]
        )
        for group in navigation.sidebar(request)
        for item in group["items"]
        if term in item["title"].lower()
    ]


def _rows(site: AdminSite, request: HttpRequest, model: type[Any], term: str) -> list[SearchResult]:
    admin = site.get_model_admin(model)
    if not admin.has_view_permission(request):
        return []
    found, _ = admin.get_search_results(request, admin.get_queryset(request), term)
    noun = str(model._meta.verbose_name).capitalize()
    return [
        SearchResult(title=str(row), description=noun, link=admin_url(row), icon="data_object")
        for row in found[:PER_MODEL]
    ]
