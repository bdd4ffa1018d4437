"""What needs somebody: dead work, dumb channels, sources that refuse us, failed messages and executions."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse

from chatboost.core.admin.scoping import is_allowed, organization_of
from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.models import Channel, ChannelHealth, Message, MessageStatus
from flows.models import Execution, ExecutionState
from invitations.models import InvitationSource
from teams.models import Organization

# Beyond this a number says no more than "many".
MANY = 99


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that needs somebody. `severity` is danger or warning."""

    title: str
    detail: str
    url: str
    icon: str
    severity: str
    permission: str


def dead_work_count(request: HttpRequest) -> str:
    """Return how much work died, "" for none; asked once a request."""
    known: str | None = getattr(request, "_dead_work", None)
    if known is None:
        known = _words(_dead(organization_of(request)))
        request._dead_work = known  # type: ignore[attr-defined]
    return known


def notices(organization: Organization, *, since: datetime) -> list[Notice]:
    """Return what needs somebody now, and what went wrong since then; the worst first."""
    found = [*_disabled_channels(organization), *_refused_sources(organization), *_dead_work(organization)]
    found += [*_messages(organization, since), *_executions(organization, since)]
    return sorted(found, key=lambda notice: notice.severity != "danger")


def shown_to(request: HttpRequest, found: list[Notice]) -> list[Notice]:
    """Keep what the role may look at."""
    return [notice for notice in found if is_allowed(request, notice.permission)]


def _disabled_channels(organization: Organization) -> list[Notice]:
    rows = Channel.objects.for_organization(organization).filter(health=ChannelHealth.DISABLED)
    return [
        Notice(
            f"{channel.name} can’t send",
            channel.health_reason or "The vendor refuses its credentials.",
            reverse("admin:messaging_channel_change", args=[channel.pk]),
            "mobile_off",
            "danger",
            "messaging.view_channel",
        )
        for channel in rows[:5]
    ]


def _refused_sources(organization: Organization) -> list[Notice]:
    rows = InvitationSource.objects.for_organization(organization).exclude(error="").order_by("id")
    return [
        Notice(
            f"{name} refuses us",
            error,
            reverse("admin:invitations_invitationsource_change", args=[pk]),
            "badge",
            "danger",
            "invitations.view_invitationsource",
        )
        for pk, name, error in rows.values_list("pk", "name", "error")[:5]
    ]


def _dead_work(organization: Organization) -> list[Notice]:
    count = _words(_dead(organization))
    if not count:
        return []
    url = f"{reverse('admin:core_workitem_changelist')}?state__exact={WorkState.DEAD.value}"
    detail = "Tried often enough and given up. Look at the cause, then try again."
    return [
        Notice(
            f"{count} dead work {_plural(count, 'item')}",
            detail,
            url,
            "skull",
            "danger",
            "core.view_workitem",
        )
    ]


def _messages(organization: Organization, since: datetime) -> list[Notice]:
    # `changed_at` has the index; it is never before `created_at`.
    rows = Message.objects.for_organization(organization).filter(changed_at__gte=since)
    counts = rows.aggregate(
        failed=Count("id", filter=Q(status=MessageStatus.FAILED)),
        refused=Count("id", filter=Q(status=MessageStatus.REFUSED)),
        unclear=Count("id", filter=Q(status=MessageStatus.UNKNOWN)),
    )
    told = (
        ("failed", MessageStatus.FAILED, "failed today", "Open the list for the vendor’s reason.", "danger"),
        (
            "refused",
            MessageStatus.REFUSED,
            "not sent today",
            "The send gate refused: the list says why.",
            "warning",
        ),
        (
            "unclear",
            MessageStatus.UNKNOWN,
            "unclear",
            "The vendor’s answer was lost; a status from it settles the matter.",
            "warning",
        ),
    )
    url = reverse("admin:messaging_message_changelist")
    return [
        Notice(
            f"{counts[key]} {_plural(counts[key], 'message')} {words}",
            detail,
            f"{url}?status__exact={status.value}",
            "sms_failed",
            severity,
            "messaging.view_message",
        )
        for key, status, words, detail, severity in told
        if counts[key]
    ]


def _executions(organization: Organization, since: datetime) -> list[Notice]:
    failed = Execution.objects.for_organization(organization).filter(
        state=ExecutionState.FAILED, ended_at__gte=since
    )
    newest = failed.select_related("flow").order_by("-id").first()
    if newest is None:
        return []
    count = failed.count()
    url = f"{reverse('admin:flows_execution_changelist')}?state__exact={ExecutionState.FAILED.value}"
    return [
        Notice(
            f"{count} {_plural(count, 'execution')} failed today",
            f"Last: {newest.flow.name} — {newest.error_detail or newest.error_code}",
            url,
            "running_with_errors",
            "danger",
            "flows.view_execution",
        )
    ]


def _dead(organization: Organization | None) -> int:
    if organization is None:
        return 0
    dead = WorkItem.objects.filter(organization_id=organization.pk, state=WorkState.DEAD)
    return dead.order_by()[: MANY + 1].count()


def _words(count: int) -> str:
    return "" if not count else f"{MANY}+" if count > MANY else str(count)


def _plural(count: int | str, noun: str) -> str:
    return noun if str(count) == "1" else f"{noun}s"
