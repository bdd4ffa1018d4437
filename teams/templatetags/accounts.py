"""What the account pages need to look like the console."""

from typing import Any

from django import template
from django.conf import settings
from django.forms import BoundField, CheckboxInput, RadioSelect
from django.http import HttpRequest
from django.urls import NoReverseMatch, resolve, reverse
from django.utils.safestring import SafeString

from teams import google

register = template.Library()

MANAGE_PAGES = (
    ("account_security", "Security", "shield_lock"),
    ("account_email", "E-mail", "mail"),
    ("account_change_password", "Password", "password"),
    ("mfa_index", "Two-step sign-in", "phonelink_lock"),
)


@register.simple_tag(takes_context=True)
def console_frame(context: template.Context) -> dict[str, Any]:
    """Return the title, colours and icons of the console, from whatever site serves it."""
    site: Any = resolve(reverse("admin:index")).func.admin_site  # type: ignore[attr-defined]
    frame = site.each_context(context["request"])
    wanted = ("site_title", "site_symbol", "site_favicons", "colors", "border_radius", "theme")
    return {name: frame.get(name) for name in wanted}


@register.simple_tag
def is_registration_open() -> bool:
    """Tell whether strangers may register."""
    return bool(settings.REGISTRATION_OPEN)


@register.simple_tag
def is_google_offered() -> bool:
    """Tell whether one may sign in with Google."""
    return google.is_offered()


@register.simple_tag(takes_context=True)
def manage_pages(context: template.Context) -> list[dict[str, Any]]:
    """Return the pages of one's own account that this installation has."""
    request: HttpRequest = context["request"]
    pages = ((_url(name), title, icon) for name, title, icon in MANAGE_PAGES)
    return [
        {"url": url, "title": title, "icon": icon, "is_current": request.path.startswith(url)}
        for url, title, icon in pages
        if url
    ]


@register.filter
def styled(field: BoundField) -> SafeString:
    """Render a form field's widget. Its label says what a placeholder would."""
    kind = "acc-check" if is_check(field) else "acc-input"
    return field.as_widget(attrs={"class": kind, "placeholder": ""})


@register.filter
def is_check(field: BoundField) -> bool:
    """Tell whether the label stands behind the widget."""
    return isinstance(field.field.widget, CheckboxInput | RadioSelect)


@register.filter
def button_kind(tags: list[str] | None) -> str:
    """Choose a button's look from allauth's tags."""
    words = set(tags or ())
    if words & {"danger", "delete"}:
        return "acc-button-danger"
    if words & {"link", "cancel"}:
        return "acc-button-plain"
    return "acc-button-outline" if words & {"outline", "secondary", "minor", "tool"} else "acc-button-primary"


@register.filter
def badge_kind(tags: list[str] | None) -> str:
    """Choose a badge's colour from allauth's tags."""
    words = set(tags or ())
    if words & {"success", "verified", "current"}:
        return "acc-badge-good"
    return "acc-badge-warn" if words & {"warning", "unverified"} else ""


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
