"""One row of every model that the console shows."""

import json
from datetime import timedelta
from typing import Any

from django.db.models import Model
from django_celery_beat import models as beat

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.models import (
    Bot,
    ContactAttribute,
    Conversation,
    DeliveryStatus,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
    ReceiptKind,
    SendAttempt,
    WebhookReceipt,
)
from flows.engine.state import RunState
from flows.models import (
    Execution,
    ExecutionLog,
    ExecutionOrigin,
    ExecutionState,
    Flow,
    FlowVersion,
    Node,
    WebhookDelivery,
)
from teams.models import Membership, Organization
from teams.roles import Role
from teams.services import api_keys
from tests import factories
from triggers.models import Trigger, TriggerLog

NODE = {"message_type": "text", "content": {"text": "Hello"}, "next": None}


def message(conversation: Conversation, text: str = "Hello", **fields: Any) -> Message:
    """A message of the conversation, from the contact unless told."""
    fields.setdefault("direction", Direction.INBOUND)
    is_inbound = fields["direction"] == Direction.INBOUND
    fields.setdefault("status", MessageStatus.RECEIVED if is_inbound else MessageStatus.SENT)
    fields.setdefault("origin_kind", OriginKind.CONTACT if is_inbound else OriginKind.FLOW)
    fields.setdefault("content", {"text": text})
    return Message.objects.create(
        organization_id=conversation.organization_id,
        bot_id=conversation.bot_id,
        channel_id=conversation.channel_id,
        conversation=conversation,
        contact_id=conversation.contact_id,
        text=text,
        **fields,
    )


def open_conversation(organization: Organization, **fields: Any) -> Conversation:
    """A conversation on a channel of its own, its window open unless told."""
    channel = factories.channel(factories.bot(organization))
    fields.setdefault("window_expires_at", clock.now() + timedelta(hours=3))
    fields.setdefault("last_message_at", clock.now())
    return factories.conversation(channel, factories.contact(organization), **fields)


def flow(bot: Bot, name: str = "Flow") -> Flow:
    """A flow of one node, published as version 1."""
    made = Flow.objects.create(organization_id=bot.organization_id, bot=bot, name=name)
    Node.objects.create(
        organization_id=bot.organization_id, flow=made, number=0, type="send_message", config=NODE
    )
    made.published_version = FlowVersion.objects.create(
        organization_id=bot.organization_id,
        flow=made,
        number=1,
        spec={"entry": 0, "nodes": [{"number": 0, "type": "send_message", "config": NODE}]},
    )
    made.save()
    return made


def execution(of: Flow, conversation: Conversation, **fields: Any) -> Execution:
    """An execution that has completed, unless told."""
    fields.setdefault("state", ExecutionState.COMPLETED)
    fields.setdefault("run_state", RunState().to_json())
    return Execution.objects.create(
        organization_id=of.organization_id,
        flow=of,
        flow_version=of.published_version,
        bot_id=of.bot_id,
        contact_id=conversation.contact_id,
        conversation=conversation,
        origin_kind=ExecutionOrigin.API,
        **fields,
    )


def one_of_each(organization: Organization, text: str = "Something") -> dict[type[Model], Model]:
    """A row of every model of the organization, with `text` wherever a stranger's words can come in."""
    bot = factories.bot(organization, name=text, description=text)
    channel = factories.channel(bot, name=text, health_reason=text)
    contact = factories.contact(organization, first_name=text, last_name=text)
    conversation = factories.conversation(channel, contact, last_message_at=clock.now())
    attribute = ContactAttribute.objects.create(
        organization=organization, contact=contact, key="city", value=text, search_value=text
    )
    said = message(
        conversation,
        text,
        direction=Direction.OUTBOUND,
        status=MessageStatus.FAILED,
        content={"text": text, "footer": text, "buttons": [{"id": text, "title": text}]},
        reason="failed",
        reason_detail=text,
    )
    shared = {"organization": organization}
    attempt = SendAttempt.objects.create(**shared, message=said, number=1, error_detail=text)
    status = DeliveryStatus.objects.create(
        **shared,
        channel=channel,
        message=said,
        external_id="w1",
        status="failed",
        error_detail=text,
        occurred_at=clock.now(),
    )
    receipt = WebhookReceipt.objects.create(
        **shared, channel=channel, key=f"m:{text}", kind=ReceiptKind.MESSAGE, payload={"text": {"body": text}}
    )
    made = flow(bot, text)
    run = execution(
        made,
        conversation,
        state=ExecutionState.FAILED,
        error_code="failed",
        error_detail=text,
        run_state=RunState(variables={text: text}).to_json(),
        ended_at=clock.now(),
    )
    log = ExecutionLog.objects.create(
        **shared, execution=run, event="failed", node_type=text[:40], detail={"message": text}
    )
    delivery = WebhookDelivery.objects.create(
        **shared,
        execution=run,
        step=1,
        node_number=1,
        method="POST",
        url=f"https://example.com/{text}",
        request=json.dumps({"headers": {"Authorization": "secret-header"}, "body": {"a": text}}),
        response_body={"b": text},
        error=text,
    )
    trigger = Trigger.objects.create(**shared, bot=bot, flow=made, name=text, keywords=[text])
    fired = TriggerLog.objects.create(
        **shared, trigger=trigger, contact=contact, message=said, execution=run, keyword=text
    )
    work = WorkItem.objects.create(
        kind="messaging.send",
        subject_id=said.pk,
        organization_id=organization.pk,
        queue="interactive",
        state=WorkState.DEAD,
        last_error=text,
    )
    key, _ = api_keys.create(organization=organization, name=text, role=Role.EDITOR)
    membership = Membership.objects.filter(organization=organization).first()
    assert membership is not None
    rows: list[Model] = [bot, channel, contact, conversation, attribute, said, attempt, status, receipt]
    rows += [made, made.nodes.get(), made.published_version, run, log, delivery, trigger, fired, work, key]  # type: ignore[list-item]
    return {type(row): row for row in [*rows, membership, organization]}


def of_installation() -> dict[type[Model], Model]:
    """A row of each model that belongs to the installation: users, and beat's schedules."""
    interval = beat.IntervalSchedule.objects.create(every=5, period="minutes")
    rows = [
        interval,
        beat.CrontabSchedule.objects.create(minute="5"),
        beat.ClockedSchedule.objects.create(clocked_time=clock.now()),
        beat.SolarSchedule.objects.create(event="sunset", latitude=1, longitude=1),
        beat.PeriodicTask.objects.create(name="Sweep", task="core.sweep", interval=interval),
        factories.user(),
    ]
    return {type(row): row for row in rows}
