"""What members see who have yet to set up the second step that their organization asks for."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse

from chatboost.core.admin.scoping import organization_of
from teams.selectors import second_steps

WORDS = "{name} asks you for two-step sign-in."


def refusal(request: HttpRequest, site: Any) -> HttpResponse | None:
    """Return the page that stands in the place of every other; None for whoever owes nothing."""
    creditor = second_steps.owed_to(request.user, organization_of(request))
    if creditor is None:
        return None
    words = WORDS.format(name=creditor.name)
    if not request.accepts("text/html"):
        return JsonResponse({"problem": words}, status=403)
    context = {**site.each_context(request), "title": "Two-step sign-in", "words": words}
    request.current_app = site.name
    return TemplateResponse(request, "console/second_step.html", context, status=403)
