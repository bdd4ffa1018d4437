"""At start: show the sign-in, and the main job done once through the front door."""

import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import close_old_connections

from chatboost.console import demo
from chatboost.core import clock
from chatboost.core.http.client import VendorClient
from chatboost.core.supervisor.hooks import ReadyInfo
from chatboost.messaging.models import Direction, Message, MessageStatus

PATIENCE = 20.0
# Reserved for fiction.
SENDER = "15550100123"


def show(ready: ReadyInfo) -> None:
    """Print where to go and how to sign in, then send a signed WhatsApp message and time the reply."""
    try:
        found = demo.info(base_url=ready.url)
    except demo.NoDemo:
        ready.say(f"ChatBoost answers at {ready.url}/admin/")
        return
    ready.say(f"Console   {ready.url}/admin/")
    ready.say(f"Sign in   {found.email}  /  {found.password}")
    ready.say(f"API docs  {ready.url}/docs")
    ready.say(_main_job(found))
    close_old_connections()


def _main_job(found: demo.DemoInfo) -> str:
    wamid = f"wamid.showcase.{uuid4().hex}"
    started = time.perf_counter()
    status = _deliver(found, wamid)
    if status != 200:
        return f"Main job  the webhook answered {status}"
    reply = _await_reply(wamid)
    seconds = time.perf_counter() - started
    if reply is None:
        return f"Main job  no reply within {PATIENCE:.0f} s: see the worker's log"
    return (
        f"Main job  “hello” came in by WhatsApp webhook → “{reply.text}” went out, in {seconds * 1000:.0f} ms"
    )


def _deliver(found: demo.DemoInfo, wamid: str) -> int:
    raw = json.dumps(_body(found.phone_number_id, wamid)).encode()
    signature = hmac.new(found.app_secret.encode(), raw, hashlib.sha256).hexdigest()
    client = VendorClient(
        base_url=found.base_url, deadline=timedelta(seconds=10), max_bytes=65536, headers=None
    )
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
    return client.request("POST", "/whatsapp/webhook", data=raw, headers=headers).status


def _await_reply(wamid: str) -> Message | None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        inbound = Message.objects.filter(external_id=wamid).first()
        if inbound is not None:
            reply = Message.objects.filter(
                conversation_id=inbound.conversation_id,
                direction=Direction.OUTBOUND,
                pk__gt=inbound.pk,
                status__in=[MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ],
            ).first()
            if reply is not None:
                return reply
        time.sleep(0.02)
    return None


def _body(phone_number_id: str, wamid: str) -> dict[str, Any]:
    """One text message in the shape of Meta's Cloud API webhook."""
    message = {
        "from": SENDER,
        "id": wamid,
        "timestamp": str(int(clock.now().timestamp())),
        "type": "text",
        "text": {"body": "hello"},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550100000", "phone_number_id": phone_number_id},
        "contacts": [{"profile": {"name": "Ada Example"}, "wa_id": SENDER}],
        "messages": [message],
    }
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "0", "changes": [{"field": "messages", "value": value}]}],
    }
