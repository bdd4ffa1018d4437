"""How values look in lists and on detail pages. Everything that comes from outside is escaped here."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from unfold.decorators import display

MAX_JSON = 20_000
MAX_TEXT = 80

EMPTY = "—"

# What a state means to whoever looks, by its stored value: the same word has the same colour on every page.
TONES: dict[str, str] = {
    # Waits for its turn, or is put aside.
    **dict.fromkeys(("queued", "scheduled", "ready", "received", "kept", "draft", "archived"), "default"),
    **dict.fromkeys(("cancelled", "revoked", "paused", "skipped"), "default"),
    # Under way.
    **dict.fromkeys(("running", "sending", "leased", "pending", "processing"), "info"),
    **dict.fromkeys(("waiting_input", "waiting_timer", "waiting_webhook"), "info"),
    # Went well, or works.
    **dict.fromkeys(("active", "ok", "done", "completed", "accepted", "answered", "connected"), "success"),
    **dict.fromkeys(("sent", "delivered", "read"), "success"),
    # Worth a look.
    **dict.fromkeys(("unknown", "interrupted", "expired", "partial", "conflict"), "warning"),
    # Went wrong, or is shut out.
    **dict.fromkeys(
        ("failed", "refused", "rejected", "dead", "crashed", "died", "blocked", "disabled", "deleted"),
        "danger",
    ),
}


def label(text: str, colour: str = "default") -> SafeString:
    """Return a coloured label, for lists and detail pages.

    Colours: `success`, `info`, `warning`, `danger`, `default`.
    """
    return mark_safe(render_to_string("unfold/helpers/label.html", {"text": text, "type": colour}))  # noqa: S308 escaped there


def state_label(value: str, words: str = "") -> SafeString:
    """Return a state as a label in the colour of its meaning."""
    return label(words or value.replace("_", " ").capitalize(), TONES.get(value, "default"))


def choice_label(
    field: str, colours: Mapping[Any, str] | None = None, *, description: str = ""
) -> Callable[..., SafeString]:
    """Return a column that shows a choice as a coloured label.

    A state has the colour of its meaning; what is no state gives its own `colours` by stored value.
    """
    known: Mapping[Any, str] = TONES if colours is None else colours

    def column(self: object, row: Model) -> SafeString:
        return label(getattr(row, f"get_{field}_display")(), known.get(getattr(row, field), "default"))

    column.__name__ = f"{field}_label"
    return display(column, description=description or field.replace("_", " "), ordering=field)


def flag(field: str, words: str) -> Callable[..., bool]:
    """Return a column that shows a yes or no under a name of its own: "active", not "is active"."""

    def column(self: object, row: Model) -> bool:
        return bool(getattr(row, field))

    column.__name__ = f"{field}_flag"
    return display(column, boolean=True, description=words, ordering=field)


def json_block(value: Any) -> SafeString:
    """Return JSON as an indented block; what is too long to read ends with a note."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    if len(text) > MAX_JSON:
        text = f"{text[:MAX_JSON]}\n… {len(text) - MAX_JSON:,} more characters"
    return format_html('<pre class="cb-json" dir="ltr">{}</pre>', text)


def shortened(text: str, length: int = MAX_TEXT) -> str:
    """Return a text that fits a column."""
    flat = " ".join(str(text).split())
    return flat if len(flat) <= length else f"{flat[: length - 1]}…"


def admin_url(row: Model, page: str = "change") -> str:
    """Return the address of a row's page, or an empty string where it has none."""
    opts = row._meta
    try:
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=[row.pk])
    except NoReverseMatch:
        return ""


def link(row: Model | None, text: str = "") -> SafeString | str:
    """Return a link to a row's page."""
    if row is None:
        return EMPTY
    url = admin_url(row)
    words = text or str(row)
    return format_html('<a href="{}" class="cb-link">{}</a>', url, words) if url else words
