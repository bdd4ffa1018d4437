"""Forms that write into the organization they were opened for, or not at all.

Which organization the console is about is kept in the session, for all windows of a browser. Whoever switches
in one of them and saves in another would otherwise write into the wrong one.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme

from chatboost.console.templatetags.console_forms import FIELD
from chatboost.core.admin.scoping import organization_of
from teams.selectors import memberships

WORDS = "Nothing was saved: the console has been switched to {now} since this page was opened."


def refusal(request: HttpRequest, site: Any) -> HttpResponse | None:
    """Return the answer to a form of another organization than the session's; None for any other request."""
    organization = organization_of(request)
    opened_for = request.POST.get(FIELD) if request.method == "POST" else None
    if opened_for is None or organization is None or opened_for == str(organization.pk):
        return None
    words = WORDS.format(now=organization.name)
    if not request.accepts("text/html"):
        return JsonResponse({"problem": words}, status=409)
    mine = [seat.organization for seat in memberships.seats_of(request.user)]
    context = {
        **site.each_context(request),
        "title": "Another organization",
        "words": words,
        "before": next((each for each in mine if str(each.pk) == opened_for), None),
        "organization": organization,
        "back_url": _page_before(request),
    }
    request.current_app = site.name
    return TemplateResponse(request, "console/another_organization.html", context, status=409)


def _page_before(request: HttpRequest) -> str:
    """Return where the form stood: its address may take nothing but a POST."""
    before = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(
        before, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return before if is_ours else "/admin/"
