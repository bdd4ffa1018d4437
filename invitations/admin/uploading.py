"""Pages that take a file: it is bounded while it comes in, and no transaction is open meanwhile."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from chatboost.core.errors import DomainError
from chatboost.core.exchange.uploads import Handler


def taking(
    view: Callable[..., HttpResponse],
    *,
    site: Any,
    handler: type[Handler],
    refused: Callable[..., HttpResponse],
) -> Any:
    """Return the view with a handler that is set before the form, with the hidden fields on it, is read.

    `refused(request, refusal, **rest)` answers where the handler says no; the other fields are lost.
    """
    protected = csrf_protect(site.keep_apart(view))

    def handled(request: HttpRequest, **rest: Any) -> HttpResponse:
        request.upload_handlers = [handler(request)]
        try:
            return protected(request, **rest)
        except DomainError as refusal:
            return refused(request, refusal, **rest)

    return csrf_exempt(handled)
