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


def label(text: str, colour: str = "default") -> SafeString:
    """Return a coloured label, for lists and detail pages.

    Colours: `success`, `info`, `warning`, `danger`, `default`.
    """
    return mark_safe(render_to_string("unfold/helpers/label.html", {"text": text, "type": colour}))  # noqa: S308 escaped there


def choice_label(
    field: str, colours: Mapping[Any, str], *, description: str = ""
) -> Callable[..., SafeString]:
    """Return a column that shows a choice as a coloured label.

    `colours` maps stored values to the colours of `label`.
    """

    def column(self: object, row: Model) -> SafeString:
        return label(getattr(row, f"get_{field}_display")(), colours.get(getattr(row, field), "default"))

    column.__name__ = f"{field}_label"
    return display(column, description=description or field.replace("_", " "), ordering=field)


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
