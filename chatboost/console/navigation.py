"""The console's frame: sidebar, tabs, labels and links, each for the role that looks."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst

from chatboost.console import attention
from chatboost.core.admin.scoping import STAFF, is_allowed, organization_of

ENVIRONMENT_COLOURS = {"production": "danger", "staging": "warning"}


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the sidebar. `permission` "" is for every member, STAFF for the installation's staff.

    `has_installations` is for lists with rows of the installation itself, which its staff sees in any role.
    """

    title: str
    icon: str
    page: str
    permission: str = ""
    has_installations: bool = False


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
        "Tools",
        (
            Place(
                "Compression",
                "photo_size_select_small",
                "admin:compression_compressionrequest_changelist",
                "compression.view_compressionrequest",
            ),
            Place(
                "Invitations",
                "badge",
                "admin:invitations_invitationbatch_changelist",
                "invitations.view_invitationbatch",
            ),
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
            Place("Telegram", "send", "admin:teams_telegramchat_changelist", "teams.view_telegramchat"),
            Place(
                "Connections",
                "link",
                "admin:teams_connectedaccount_changelist",
                "teams.view_connectedaccount",
            ),
            Place("Organization", "domain", "admin:teams_organization_changelist", "teams.view_organization"),
            Place("Settings", "tune", "admin:settings", "core.change_organizationsettings"),
        ),
    ),
    (
        "Operations",
        (
            Place("Jobs", "hourglass_top", "admin:core_job_changelist", "core.view_job", True),
            Place("Work", "conveyor_belt", "admin:core_workitem_changelist", "core.view_workitem"),
            Place(
                "Webhook receipts",
                "webhook",
                "admin:messaging_webhookreceipt_changelist",
                "messaging.view_webhookreceipt",
            ),
            Place("Mailbox", "mail", "admin:core_mail_changelist", "core.view_mail", True),
            Place("Audit log", "history", "admin:core_auditentry_changelist", "teams.view_audit", True),
            Place("API documentation", "api", "/docs"),
        ),
    ),
    (
        "Installation",
        (
            Place("Organizations", "corporate_fare", "admin:teams_hostedorganization_changelist", STAFF),
            Place("Users", "manage_accounts", "admin:teams_user_changelist", STAFF),
            Place("Announcement", "campaign", "admin:teams_announce", STAFF),
            Place("Schedules", "schedule", "admin:django_celery_beat_periodictask_changelist", STAFF),
        ),
    ),
)

# The user's menu: (title, page, permission).
ACCOUNT: tuple[tuple[str, str, str], ...] = (
    ("My notifications", "admin:teams_notification_changelist", "teams.view_notification"),
    ("My preferences", "admin:teams_notification_preferences", "teams.view_notification"),
    ("Security", "account_security", ""),
    ("E-mail", "account_email", ""),
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
        ("triggers.triggerlog", "Trigger log", "triggers.view_triggerlog"),
    ),
    (
        ("compression.compressionrequest", "Compression", "compression.view_compressionrequest"),
        ("compression.completiondelivery", "Completion webhooks", "compression.view_completiondelivery"),
    ),
    (
        ("invitations.invitationbatch", "Batches", "invitations.view_invitationbatch"),
        ("invitations.invitation", "Cards", "invitations.view_invitation"),
        ("invitations.invitationsource", "Sources", "invitations.view_invitationsource"),
        ("invitations.invitationlayout", "Layouts", "invitations.view_invitationlayout"),
        ("invitations.layoutversion", "Versions", "invitations.view_layoutversion"),
        ("invitations.layoutasset", "Pictures and fonts", "invitations.view_layoutasset"),
        ("invitations.sandboxcontact", "Sandbox contacts", "invitations.view_sandboxcontact"),
    ),
    (
        ("django_celery_beat.periodictask", "Schedules", STAFF),
        ("django_celery_beat.intervalschedule", "Intervals", STAFF),
        ("django_celery_beat.crontabschedule", "Crontabs", STAFF),
        ("django_celery_beat.clockedschedule", "Points in time", STAFF),
        ("django_celery_beat.solarschedule", "Solar events", STAFF),
    ),
    (
        ("teams.telegramchat", "Telegram", "teams.view_telegramchat"),
        ("teams.telegrammessage", "Telegram messages", "teams.view_telegrammessage"),
    ),
    (
        ("teams.membership", "Members", "teams.view_membership"),
        ("teams.invite", "Invites", "teams.view_invite"),
    ),
    (
        ("teams.user", "Users", STAFF),
        ("account.emailaddress", "E-mail addresses", STAFF),
        ("account.emailconfirmation", "Confirmations", STAFF),
        ("usersessions.usersession", "Sessions", STAFF),
        ("mfa.authenticator", "Second steps", STAFF),
        ("socialaccount.socialaccount", "Connected accounts", STAFF),
        ("socialaccount.socialtoken", "Provider tokens", STAFF),
        ("socialaccount.socialapp", "Sign-in providers", STAFF),
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
                {"title": title, "link": reverse(_list_page(model))}
                for model, title, permission in group
                if _may_see(request, permission)
            ],
        }
        for group in TABS
    ]


def list_title(label: str) -> str:
    """Return what the menu or a tab calls the list of a model (`core.mail`), "" where neither has it."""
    titles = {model: title for group in TABS for model, title, _ in group}
    return _place_titles().get(_list_page(label)) or titles.get(label, "")


def trail(opts: Any, row_title: str = "") -> list[dict[str, str]]:
    """Return what stands above a model's page: the group, the list in the menu, the tab, the row."""
    label = opts.label_lower
    first = next((group[0][0] for group in TABS if label in {model for model, _, _ in group}), label)
    group = next(
        (title for title, places in GROUPS if _list_page(first) in {each.page for each in places}), ""
    )
    parts = [{"title": group, "link": ""}] if group else []
    for each in dict.fromkeys((first, label)):
        title = list_title(each) or capfirst(opts.verbose_name_plural)
        parts.append({"title": title, "link": url_of(_list_page(each))})
    return [*parts, {"title": row_title, "link": ""}] if row_title else parts


def _place_titles() -> dict[str, str]:
    own = {page: title for title, page, _ in ACCOUNT}
    return own | {place.page: place.title for _, places in GROUPS for place in places}


def _list_page(label: str) -> str:
    return f"admin:{label.replace('.', '_')}_changelist"


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
    return [
        {"title": title, "link": url}
        for title, page, permission in ACCOUNT
        if _may_see(request, permission) and (url := url_of(page))
    ]


def _item(request: HttpRequest, place: Place) -> dict[str, Any] | None:
    may_see = _may_see(request, place.permission) or (place.has_installations and _may_see(request, STAFF))
    url = url_of(place.page) if may_see else ""
    if not url:
        return None
    item: dict[str, Any] = {"title": place.title, "icon": place.icon, "link": url}
    if place.page == "admin:core_workitem_changelist":
        dead = attention.dead_work_count(request)
        item |= {"badge": str(dead), "badge_style": "solid"} if dead else {}
    return item


def _may_see(request: HttpRequest, permission: str) -> bool:
    return not permission or is_allowed(request, permission)


def url_of(page: str) -> str:
    """Return a page's address (a route's name, or a path), or "" where this installation has no such page."""
    if page.startswith("/"):
        return page
    try:
        return reverse(page)
    except NoReverseMatch:
        return ""
