"""One row of every model that the console shows."""

import json
import uuid
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.db.models import Model
from django_celery_beat import models as beat

from chatboost.core import clock
from chatboost.core.models import AuditEntry, Job, Mail, WorkAttempt, WorkItem, WorkState
from chatboost.messaging.models import (
    Bot,
    Contact,
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
from compression.models import CompletionDelivery, CompressionRequest, Image, Product
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
from teams.models import (
    ConnectedAccount,
    HostedOrganization,
    Inbox,
    Invite,
    Membership,
    Notification,
    NotificationPreference,
    Organization,
    TelegramBoard,
    TelegramChat,
    TelegramMessage,
    User,
)
from teams.roles import Role
from teams.services import api_keys
from tests import factories
from tests.console import invitation_rows
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
    fields.setdefault("flow_version", of.published_version)
    return Execution.objects.create(
        organization_id=of.organization_id,
        flow=of,
        bot_id=of.bot_id,
        contact_id=conversation.contact_id,
        conversation=conversation,
        origin_kind=ExecutionOrigin.API,
        **fields,
    )


def notifications(organization: Organization, user: User, text: str) -> list[Model]:
    """What a user was told, how they want to be, and the organization's Telegram chat with a message."""
    shared = {"organization": organization}
    inbox, _ = Inbox.objects.get_or_create(user=user)
    inbox.last_seq += 1
    inbox.save()
    preference, _ = NotificationPreference.objects.get_or_create(
        **shared, user=user, type="lead", medium="email", defaults={"is_enabled": True}
    )
    message = TelegramMessage.objects.create(**shared, text=text, state="failed", error=text[:300])
    board = TelegramBoard.objects.create(
        **shared, key=f"{message.pk}", text=text, state="failed", error=text[:300], message=message
    )
    chat, _ = TelegramChat.objects.get_or_create(**shared, defaults={"bot_token": text, "error": text[:300]})
    return [
        preference,
        chat,
        Notification.objects.create(
            **shared,
            user=user,
            seq=inbox.last_seq,
            type="system",
            title=text[:200],
            body=text[:2000],
            url=f"/admin/?{text[:400]}",
        ),
        message,
        board,
    ]


def connected_account(organization: Organization, text: str) -> ConnectedAccount:
    """A service account; `text` is also what opens it."""
    return ConnectedAccount.objects.create(
        organization=organization,
        purpose="drive",
        kind="service_account",
        email="robot@example.com",
        subject=f"{text[:100]}-{uuid.uuid4().hex}",
        scopes=[f"https://example.com/{text}"],
        access_token=text,
        service_account_key=text,
        shared_drive_id=text[:100],
        folder_id=text[:100],
        error=text[:300],
    )


def compression(organization: Organization, text: str) -> list[Model]:
    """A request with a product of one image, and its webhook; `text` wherever a stranger's words come in."""
    shared = {"organization": organization}
    request = CompressionRequest.objects.create(
        **shared,
        email="ada@example.com",
        webhook_url=f"https://example.com/{text[:200]}",
        file_name=text[:200],
        actor_label=text[:150],
        state="partial",
        row_count=1,
        total_count=2,
        done_count=1,
        failed_count=1,
        is_spread=True,
        files_expire_at=clock.now() + timedelta(days=30),
        finished_at=clock.now(),
    )
    return [
        request,
        *compression_product(request, text, 2),
        CompletionDelivery.objects.create(
            **shared, request=request, round=1, url=f"https://example.com/{text[:200]}", error=text[:300]
        ),
    ]


def compression_product(request: CompressionRequest, text: str, row_number: int) -> list[Model]:
    """A product of a request, with an image that failed."""
    shared = {"organization_id": request.organization_id, "request": request}
    url = f"https://example.com/{text[:200]}-{row_number}.jpg"
    product = Product.objects.create(
        **shared, row_number=row_number, serial_number=text[:100], name=text[:300], input_urls=[url]
    )
    image = Image.objects.create(
        **shared,
        product=product,
        position=0,
        url=url,
        url_hash=uuid.uuid4().hex,
        state="failed",
        error_code="not_found",
        error_detail=text[:300],
        media_type=text[:40],
        ended_at=clock.now(),
    )
    return [product, image]


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
    job = Job.objects.create(
        organization_id=organization.pk,
        kind="test",
        actor_label=text[:150],
        error=text,
        result={"note": text},
    )
    mail = Mail.objects.create(
        organization_id=organization.pk,
        message_id=f"<{uuid.uuid4()}@example.com>",
        to="ada@example.com",
        subject=text,
        text=text,
        html=text,
        template=text[:100],
        error=text,
    )
    entry = AuditEntry.objects.create(
        organization_id=organization.pk,
        actor_label=text,
        verb=text[:64],
        object_type=text[:64],
        object_id="1",
        object_label=text,
        changes={text: [text, {text: text}]},
    )
    key, _ = api_keys.create(organization=organization, name=text, role=Role.EDITOR)
    membership = Membership.objects.filter(organization=organization).first()
    assert membership is not None
    rows: list[Model] = [bot, channel, contact, conversation, attribute, said, attempt, status, receipt, job]
    owners = Membership.objects.filter(organization=organization, role=Role.OWNER)
    rows += notifications(organization, owners.latest("id").user, text)
    rows.append(
        Invite.objects.create(
            organization=organization,
            email=f"{uuid.uuid4().hex}@example.com",
            token_hash=uuid.uuid4().hex,
            invited_by=membership.user,
            expires_at=clock.now() + timedelta(days=1),
        )
    )
    rows += [made, made.nodes.get(), made.published_version, run, log, delivery, trigger, fired, work, key]  # type: ignore[list-item]
    rows.append(connected_account(organization, text))
    rows += compression(organization, text)
    rows += invitation_rows.one_of_each(organization, text)
    return {type(row): row for row in [*rows, mail, entry, membership, organization]}


def crowd(organization: Organization, made: dict[type[Model], Any], count: int) -> None:
    """Add so many rows of every model, and as many that hang on each of the rows `made`."""
    for number in range(count):
        one_of_each(organization, f"More {number}")
        factories.member(organization)
        _children(organization, made, number + 2)


def _children(organization: Organization, made: dict[type[Model], Any], number: int) -> None:
    """Add a row to whatever has rows of its own."""
    shared, flow, run, said = {"organization": organization}, made[Flow], made[Execution], made[Message]
    contact, channel = made[Contact], factories.channel(made[Bot])
    ContactAttribute.objects.create(
        **shared, contact=contact, key=f"key{number}", value="x", search_value="x"
    )
    message(factories.conversation(channel, contact))
    message(made[Conversation])
    SendAttempt.objects.create(**shared, message=said, number=number)
    DeliveryStatus.objects.create(
        **shared,
        channel=said.channel,
        message=said,
        external_id=f"w{number}",
        status="sent",
        occurred_at=clock.now(),
    )
    Node.objects.create(**shared, flow=flow, number=number, type="send_message", config=NODE)
    version = FlowVersion.objects.create(**shared, flow=flow, number=number, spec={"entry": 0, "nodes": []})
    execution(flow, made[Conversation], flow_version=version)
    ExecutionLog.objects.create(**shared, execution=run, event="moved")
    WebhookDelivery.objects.create(
        **shared, execution=run, step=number, node_number=1, method="GET", url="https://example.com/"
    )
    trigger = Trigger.objects.create(
        **shared, bot=made[Bot], flow=flow, name=f"Trigger {number}", keywords=["x"]
    )
    for each in (trigger, made[Trigger]):
        TriggerLog.objects.create(**shared, trigger=each, contact=contact, message=said, execution=run)
    compression_product(made[CompressionRequest], "Child", number + 2)
    CompletionDelivery.objects.create(
        **shared, request=made[CompressionRequest], round=number, url="https://example.com/"
    )
    invitation_rows.children(made, number)
    item = made[WorkItem]
    WorkAttempt.objects.create(
        organization_id=organization.pk, item_id=item.pk, kind=item.kind, outcome="failed"
    )


def of_installation() -> dict[type[Model], Model]:
    """A row of each model of the installation: organizations, users, their accounts, beat's schedules."""
    interval = beat.IntervalSchedule.objects.create(every=5, period="minutes")
    rows = [
        interval,
        beat.CrontabSchedule.objects.create(minute="5"),
        beat.ClockedSchedule.objects.create(clocked_time=clock.now()),
        beat.SolarSchedule.objects.create(event="sunset", latitude=1, longitude=1),
        beat.PeriodicTask.objects.create(name="Sweep", task="core.sweep", interval=interval),
        HostedOrganization.objects.get(pk=factories.organization().pk),
        *of_account(factories.user()),
    ]
    return {type(row): row for row in rows}


def of_account(user: User) -> list[Model]:
    """A row of everything that allauth keeps about an account; `hidden…` is what no page may show."""
    address = EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    app = SocialApp.objects.create(
        provider="google", name="Google", client_id="client", secret="hidden-app-secret"
    )
    account = SocialAccount.objects.create(
        user=user, provider="google", uid="1", extra_data={"token": "hidden-profile"}
    )
    return [
        user,
        address,
        app,
        account,
        EmailConfirmation.objects.create(email_address=address, key="hidden-confirmation"),
        UserSession.objects.create(
            user=user, ip="127.0.0.1", session_key="hidden-session", user_agent="Browser"
        ),
        Authenticator.objects.create(user=user, type="totp", data={"secret": "hidden-totp"}),
        SocialToken.objects.create(
            app=app, account=account, token="hidden-token", token_secret="hidden-token-secret"
        ),
    ]
