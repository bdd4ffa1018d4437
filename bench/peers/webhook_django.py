"""The webhook row's Django peer: no middleware, a connection pool, one ORM insert and its commit."""

import hashlib
import hmac
import json
import os
from typing import Any

import django
import environ
from django.conf import settings

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    INSTALLED_APPS=[],
    USE_TZ=True,
    LOGGING_CONFIG=None,
    DATABASES={
        "default": {
            **environ.Env.db_url_config(os.environ["DATABASE_URL"]),
            "ENGINE": "django.db.backends.postgresql",
            "OPTIONS": {"pool": {"min_size": 2, "max_size": 8, "timeout": 10}},
        }
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402

SECRET = os.environ["WHATSAPP_APP_SECRET"].encode()


class Receipt(models.Model):
    wamid = models.CharField(max_length=255)
    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "bench"
        db_table = "receipts"

    def __str__(self) -> str:
        return self.wamid


def webhook(request: HttpRequest) -> JsonResponse:
    """Verify, parse, insert, answer."""
    raw = request.body
    expected = "sha256=" + hmac.new(SECRET, raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("X-Hub-Signature-256", "")):
        return JsonResponse({"detail": "invalid signature"}, status=401)
    value: dict[str, Any] = json.loads(raw)["entry"][0]["changes"][0]["value"]
    for message in value["messages"]:
        Receipt.objects.create(wamid=message["id"], payload=message)
    answer = JsonResponse({"status": "ok"})
    # CommonMiddleware would do it; without, the answer goes out in chunks.
    answer["Content-Length"] = str(len(answer.content))
    return answer


urlpatterns = [path("whatsapp/webhook", webhook)]
application = get_wsgi_application()
