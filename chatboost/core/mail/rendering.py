"""Mail templates: `mail/<name>.txt`, its `.subject.txt` and, where there is one, its `.html`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.template import Context, TemplateDoesNotExist
from django.template.loader import get_template

MAX_SUBJECT = 200

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a mail says. `html` is "" for plain text alone."""

    subject: str
    text: str
    html: str = ""


def render(template: str, context: Mapping[str, Any], *, subject: str | None = None) -> Rendered:
    """Render a template's parts. Plain text is not escaped, HTML is. Raises: TemplateDoesNotExist."""
    values = {"base_url": settings.PUBLIC_BASE_URL, **context}
    return Rendered(
        subject=one_line(_render(f"{template}.subject.txt", values) if subject is None else subject),
        text=_render(f"{template}.txt", values).strip() + "\n",
        html=_render_if_any(f"{template}.html", values),
    )


def one_line(text: str) -> str:
    """Return a subject that can't become a second header."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line if len(line) <= MAX_SUBJECT else f"{line[: MAX_SUBJECT - 1]}…"


def _render(name: str, values: dict[str, Any]) -> str:
    template: Any = get_template(f"mail/{name}")
    text: str = template.template.render(Context(values, autoescape=name.endswith(".html")))
    return text


def _render_if_any(name: str, values: dict[str, Any]) -> str:
    try:
        get_template(f"mail/{name}")
    except TemplateDoesNotExist:
        return ""
    return _render(name, values)
