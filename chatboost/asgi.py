"""The ASGI application: vendors' deliveries to their door, other HTTP to Django, `/ws` to Channels."""

import os
import sys

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatboost.settings.dev")
http = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402 the apps must be loaded first
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import re_path  # noqa: E402

from chatboost.core.bodies import BodyLimit  # noqa: E402
from chatboost.core.work.embedded import EmbeddedPump  # noqa: E402
from chatboost.messaging.webhooks.committer import Committer  # noqa: E402
from chatboost.messaging.webhooks.door import Door  # noqa: E402
from teams.consumers import Live  # noqa: E402

# Python's 5 ms would be the longest part of a group commit: its thread asks for the interpreter lock after
# every answer of the database, while the event loop is busy with the next deliveries.
sys.setswitchinterval(0.0005)

application = ProtocolTypeRouter(
    {
        **({"lifespan": EmbeddedPump(settings.WORK_QUEUES)} if settings.EMBEDDED_PUMP else {}),
        "http": Door(BodyLimit(http), Committer()),
        "websocket": AuthMiddlewareStack(URLRouter([re_path(r"^ws/?$", Live.as_asgi())])),
    }
)
