"""The home page: what needs attention, today's numbers, recent conversations, first steps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, OuterRef, Q, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from chatboost.console import attention, navigation
from chatboost.core import clock
from chatboost.core.admin.scoping import is_allowed, organization_of
from chatboost.messaging.admin.badges import is_sandbox
from chatboost.messaging.models import (
    Bot,
    Channel,
    ChannelKind,
    Conversation,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
)
from flows.models import LIVE_STATES, Execution, Flow
from teams.models import Membership, Organization
from triggers.models import Trigger

# Numbers of a busy organization cost a scan of its day; nobody needs them fresher than this.
KEEP_SECONDS = 20
RECENT = 8

DELIVERED = [MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ]


@dataclass(frozen=True, slots=True)
class Number:
    """One of today's numbers."""

    title: str
    value: int
    hint: str
    url: str
    icon: str


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps."""

    title: str
    detail: str
    url: str
    button: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Recent:
    """A conversation with what was said last."""

    conversation: Conversation
    text: str
    is_ours: bool
    is_sandbox: bool


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the home page shows, for the role that looks."""
    organization = organization_of(request)
    if organization is None:
        return {"home_organization": None}
    found = _cached(organization)
    return {
        "home_organization": organization,
        "home_as_of": found["as_of"],
        "home_notices": attention.shown_to(request, found["notices"]),
        "home_numbers": found["numbers"] if is_allowed(request, "messaging.view_message") else [],
        "home_recent": _recent(organization) if is_allowed(request, "messaging.view_conversation") else [],
        "home_steps": _open_steps(request, organization),
        "home_webhook_url": f"{settings.PUBLIC_BASE_URL}/whatsapp/webhook",
        # The installation's own token, not an organization's: for whoever runs the installation.
        "home_verify_token": settings.WHATSAPP_WEBHOOK_VERIFY_TOKEN if request.user.is_staff else "",
        "home_may_connect": is_allowed(request, "messaging.change_channel"),
    }


def _cached(organization: Organization) -> dict[str, Any]:
    start = timezone.localtime(clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    key = f"console:home:{organization.pk}:{start:%Y%m%d}"
    found: dict[str, Any] | None = cache.get(key)
    if found is None:
        found = _count(organization, start)
        cache.set(key, found, KEEP_SECONDS)
    return found


def _count(organization: Organization, start: datetime) -> dict[str, Any]:
    return {
        "as_of": clock.now(),
        "notices": attention.notices(organization, since=start),
        "numbers": _numbers(organization, start),
    }


def _numbers(organization: Organization, start: datetime) -> list[Number]:
    # `changed_at` has the index and is never before `created_at`.
    today = Message.objects.for_organization(organization).filter(
        changed_at__gte=start, created_at__gte=start
    )
    outbound = Q(direction=Direction.OUTBOUND)
    counts = today.aggregate(
        received=Count("id", filter=Q(direction=Direction.INBOUND)),
        sent=Count("id", filter=outbound & Q(status__in=DELIVERED)),
        waiting=Count("id", filter=outbound & Q(status__in=[MessageStatus.QUEUED, MessageStatus.SENDING])),
        by_bot=Count("id", filter=outbound & Q(origin_kind=OriginKind.FLOW)),
        by_people=Count("id", filter=outbound & Q(origin_kind=OriginKind.OPERATOR)),
    )
    live = Execution.objects.for_organization(organization).filter(state__in=LIVE_STATES).count()
    messages = reverse("admin:messaging_message_changelist")
    return [
        Number(
            "Received today",
            counts["received"],
            "messages from contacts",
            f"{messages}?direction__exact=inbound",
            "call_received",
        ),
        Number(
            "Sent today",
            counts["sent"],
            f"{counts['waiting']} on their way",
            f"{messages}?direction__exact=outbound",
            "call_made",
        ),
        Number(
            "Replies by flows",
            counts["by_bot"],
            f"{counts['by_people']} by people",
            f"{messages}?origin_kind__exact=flow",
            "smart_toy",
        ),
        Number(
            "Live executions",
            live,
            "waiting for an answer, a time or a server",
            reverse("admin:flows_execution_changelist"),
            "play_circle",
        ),
    ]


def _recent(organization: Organization) -> list[Recent]:
    last = Message.objects.filter(conversation=OuterRef("pk")).order_by("-id")
    rows = (
        Conversation.objects.for_organization(organization)
        .filter(last_message_at__isnull=False)
        .select_related("contact", "channel", "bot")
        .order_by("-last_message_at")
        .annotate(
            last_text=Subquery(last.values("text")[:1]), last_direction=Subquery(last.values("direction")[:1])
        )
    )
    return [
        Recent(row, row.last_text or "", row.last_direction == Direction.OUTBOUND, is_sandbox(row.channel))
        for row in rows[:RECENT]
    ]


def _open_steps(request: HttpRequest, organization: Organization) -> list[Step]:
    """Return the first steps, or nothing when all are done."""
    steps = _steps(request, organization)
    return steps if not all(step.is_done for step in steps) else []


def _steps(request: HttpRequest, organization: Organization) -> list[Step]:
    bot = Bot.objects.for_organization(organization).order_by("id").first()
    has_said = bot is not None and Conversation.objects.filter(bot=bot).exists()
    flows = Flow.objects.for_organization(organization)
    published = flows.filter(published_version__isnull=False).exists()
    connected = Channel.objects.for_organization(organization).filter(kind=ChannelKind.WHATSAPP).exists()
    steps = [
        Step(
            "Talk to a bot",
            "Open the simulated phone and write to your bot. Nothing leaves this machine.",
            reverse("admin:messaging_bot_chat", args=[bot.pk]) if bot else reverse("admin:messaging_bot_add"),
            "Open the chat" if bot else "Add a bot",
            has_said,
        ),
        Step(
            "Publish a flow",
            "A flow is what the bot says and asks. Changes go live when you publish them.",
            reverse("admin:flows_flow_changelist"),
            "Flows",
            published,
        ),
        Step(
            "Choose what starts it",
            "A trigger starts a flow when a contact writes one of its keywords.",
            reverse("admin:triggers_trigger_changelist"),
            "Triggers",
            Trigger.objects.for_organization(organization).filter(is_active=True).exists(),
        ),
        Step(
            "Connect WhatsApp",
            "Enter the phone number id and an access token of your WhatsApp Business number.",
            reverse("admin:messaging_channel_add"),
            "Connect a number",
            connected,
        ),
    ]
    return [*steps, *_invite_step(request, organization)]


def _invite_step(request: HttpRequest, organization: Organization) -> list[Step]:
    url = navigation.url_of("admin:teams_membership_changelist")
    if not url or not is_allowed(request, "teams.change_membership"):
        return []
    is_alone = Membership.objects.filter(organization=organization)[:2].count() < 2
    return [
        Step(
            "Bring your team",
            "Give colleagues a role: agents answer, editors build flows.",
            url,
            "Members",
            not is_alone,
        )
    ]
