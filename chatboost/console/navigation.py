"""The console's frame: sidebar, tabs, labels and links, each for the role that looks."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse

from chatboost.console import attention
from chatboost.core.admin.scoping import is_allowed, organization_of

ENVIRONMENT_COLOURS = {"production": "danger", "staging": "warning"}


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the sidebar. `permission` "" is for every member, "staff" for the installation's staff."""

    title: str
    icon: str
    page: str
    permission: str = ""


GROUPS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    ("", (Place("Home", "home", "admin:index"),)),
    (
        "Conversations",
        (
            Place("Inbox", "inbox", "admin:messaging_conversation_changelist", "messaging.view_conversation"),
            Place("Contacts", "contacts", "admin:messaging_contact_changelist", "messaging.view_contact"),
            Place("Messages", "chat", "admin:messaging_message_changelist", "messaging.view_message"),
        ),
    ),
    (
        "Automation",
        (
            Place("Bots", "smart_toy", "admin:messaging_bot_changelist", "messaging.view_bot"),
            Place("Flows", "account_tree", "admin:flows_flow_changelist", "flows.view_flow"),
            Place("Triggers", "bolt", "admin:triggers_trigger_changelist", "triggers.view_trigger"),
            Place("Executions", "play_circle", "admin:flows_execution_changelist", "flows.view_execution"),
        ),
    ),
    (
        "Setup",
        (
            Place(
                "Channels", "settings_phone", "admin:messaging_channel_changelist", "messaging.view_channel"
            ),
            Place("Members", "group", "admin:teams_membership_changelist", "teams.view_membership"),
            Place("API keys", "key", "admin:teams_apikey_changelist", "teams.view_apikey"),
            Place("Organization", "domain", "admin:teams_organization_changelist", "teams.view_organization"),
        ),
    ),
    (
        "Operations",
        (
            Place("Work", "conveyor_belt", "admin:core_workitem_changelist", "core.view_workitem"),
            Place(
                "Webhook receipts",
                "webhook",
                "admin:messaging_webhookreceipt_changelist",
                "messaging.view_webhookreceipt",
            ),
            Place("Schedules", "schedule", "admin:django_celery_beat_periodictask_changelist", "staff"),
            Place("API documentation", "api", "/docs"),
        ),
    ),
)

# Pages that belong together: (model, title, page, permission) of each tab.
TABS: tuple[tuple[tuple[str, str, str], ...], ...] = (
    (
        ("flows.flow", "Flows", "flows.view_flow"),
        ("flows.flowversion", "Versions", "flows.view_flowversion"),
    ),
    (
        ("flows.execution", "Executions", "flows.view_execution"),
        ("flows.webhookdelivery", "Webhook deliveries", "flows.view_webhookdelivery"),
    ),
    (
        ("triggers.trigger", "Triggers", "triggers.view_trigger"),
        ("triggers.triggerlog", "Log", "triggers.view_triggerlog"),
    ),
    (
        ("django_celery_beat.periodictask", "Tasks", "staff"),
        ("django_celery_beat.intervalschedule", "Intervals", "staff"),
        ("django_celery_beat.crontabschedule", "Crontabs", "staff"),
        ("django_celery_beat.clockedschedule", "Points in time", "staff"),
        ("django_celery_beat.solarschedule", "Solar events", "staff"),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups with what the role may see; empty groups are left out."""
    groups = []
    for title, places in GROUPS:
        items = [item for place in places if (item := _item(request, place))]
        if items:
            groups.append({"title": title, "items": items, "separator": bool(title)})
    return groups


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the tabs above changelists that belong together."""
    return [
        {
            "models": [model for model, _, _ in group],
            "items": [
                {"title": title, "link": reverse(f"admin:{model.replace('.', '_')}_changelist")}
                for model, title, permission in group
                if _may_see(request, permission)
            ],
        }
        for group in TABS
    ]


def organization_name(request: HttpRequest) -> str:
    """Return what stands below the product's name."""
    organization = organization_of(request)
    return organization.name if organization else "No organization"


def environment(request: HttpRequest) -> list[str]:
    """Return the label that tells production from the rest."""
    name = settings.ENVIRONMENT
    return [name.capitalize(), ENVIRONMENT_COLOURS.get(name, "info")]


def stylesheet(request: HttpRequest) -> str:
    """Return the address of our styles."""
    return static("console/console.css")


def script(request: HttpRequest) -> str:
    """Return the address of our script for every page."""
    return static("console/console.js")


def favicons(request: HttpRequest) -> list[dict[str, str]]:
    """Return the browser tab's icon."""
    return [{"rel": "icon", "type": "image/svg+xml", "href": static("console/icon.svg")}]


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """Return the entries of the user's menu above "Sign out"."""
    wanted = (
        ("Password", "account_change_password"),
        ("Two-step sign-in", "mfa_index"),
        ("E-mail", "account_email"),
    )
    return [{"title": title, "link": url} for title, page in wanted if (url := url_of(page))]


def _item(request: HttpRequest, place: Place) -> dict[str, Any] | None:
    url = url_of(place.page) if _may_see(request, place.permission) else ""
    if not url:
        return None
    item: dict[str, Any] = {"title": place.title, "icon": place.icon, "link": url}
    if place.page == "admin:core_workitem_changelist":
        dead = attention.dead_work_count(request)
        item |= {"badge": str(dead), "badge_style": "solid"} if dead else {}
    return item


def _may_see(request: HttpRequest, permission: str) -> bool:
    if permission == "staff":
        return bool(request.user.is_authenticated and request.user.is_staff)
    return not permission or is_allowed(request, permission)


def url_of(page: str) -> str:
    """Return a page's address (a route's name, or a path), or "" where this installation has no such page."""
    if page.startswith("/"):
        return page
    try:
        return reverse(page)
    except NoReverseMatch:
        return ""
