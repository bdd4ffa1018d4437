"""The doors that vendors knock at."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from chatboost.core.api import problems
from chatboost.core.api.access import open_to
from chatboost.core.errors import DomainError
from chatboost.messaging.webhooks import whatsapp


@open_to("Meta, by its signature or the verify token")
@csrf_exempt
@require_http_methods(["GET", "POST"])
def whatsapp_webhook(request: HttpRequest, channel_uuid: UUID | None = None) -> HttpResponse:
    """Answer Meta's verification, or take a signed delivery."""
    try:
        if request.method == "GET":
            return _verify(request, channel_uuid)
        accepted = whatsapp.accept(
            _body(request), request.headers.get("X-Hub-Signature-256"), channel_uuid=channel_uuid
        )
    except DomainError as error:
        return problems.response(request, status=error.status, code=error.code, detail=error.message)
    return JsonResponse({"status": "ok", "parts": accepted.parts, "new": accepted.new})


def _verify(request: HttpRequest, channel_uuid: UUID | None) -> HttpResponse:
    answer = whatsapp.challenge(
        request.GET.get("hub.mode", ""),
        request.GET.get("hub.verify_token", ""),
        request.GET.get("hub.challenge", ""),
        channel_uuid=channel_uuid,
    )
    # Plain text: whatever the challenge holds, a browser must not run it.
    return HttpResponse(
        answer, content_type="text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"}
    )


def _body(request: HttpRequest) -> bytes:
    """Read at most one byte more than allowed: `request.body` would stop at DATA_UPLOAD_MAX_MEMORY_SIZE."""
    return request.read(settings.WEBHOOK_MAX_BYTES + 1)
