"""Handing in a console form as a browser would, with every field filled in."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.db.models import Model

from tests.architecture.tenants import Tenant

# What a form can't invent, by the field's name.
FIELDS: dict[str, Any] = {
    "phone": "+15550999999",
    "email": "new@example.com",
    "slug": "a-new-one",
    "type": "send_message",
    "kind": "whatsapp",
    "base_url": "https://example.com/crm",
    "username": "api",
    "new_password": "correct horse",
}


def filled(context: Any, own: Tenant) -> dict[str, Any]:
    """Return what a browser would send of a page's forms, gaps filled with the tenant's rows."""
    found = _values(context["adminform"].form, own)
    for inline in context.get("inline_admin_formsets", ()):
        found |= _values(inline.formset.management_form, own)
        for form in inline.formset.initial_forms:
            found |= _values(form, own)
    return found


def choices(context: Any) -> list[tuple[str, type[Model]]]:
    """Return the fields that choose a row: name and model."""
    found = []
    for form in _forms(context):
        for name, each in form.fields.items():
            is_choice = isinstance(each, forms.ModelChoiceField) and each.queryset is not None
            if is_choice and not each.disabled and not isinstance(each.widget, forms.HiddenInput):
                found.append((form.add_prefix(name), each.queryset.model))
    return found


def is_writable(context: Any) -> bool:
    """Tell whether a page is a form that its visitor may hand in."""
    if not context or "adminform" not in context:
        return False
    return bool(
        context["has_change_permission"] if context.get("original") else context["has_add_permission"]
    )


def errors(response: Any) -> Any:
    """Return what a form complains about."""
    if not response.context or "adminform" not in response.context:
        return response.status_code
    return [form.errors for form in _forms(response.context) if form.errors]


def _forms(context: Any) -> Iterator[Any]:
    yield context["adminform"].form
    for inline in context.get("inline_admin_formsets", ()):
        yield from inline.formset.initial_forms


def _values(form: Any, own: Tenant) -> dict[str, Any]:
    found = {}
    for name, each in form.fields.items():
        value = form[name].value()
        if value in (None, "", []) and (each.required or name in FIELDS):
            value = _invented(name, each, own)
        if value is None or value is False:
            continue
        if isinstance(each.widget, forms.MultiWidget):
            parts = each.widget.decompress(value)
            found |= {f"{form.add_prefix(name)}_{index}": part for index, part in enumerate(parts) if part}
        else:
            # JSON is text by now; once more would quote it.
            is_ready = isinstance(each, forms.JSONField)
            found[form.add_prefix(name)] = value if is_ready else form[name].field.prepare_value(value)
    return found


def _invented(name: str, each: forms.Field, own: Tenant) -> Any:
    if isinstance(each, forms.ModelChoiceField):
        model: Any = each.queryset.model if each.queryset is not None else None
        return own.rows[model].pk if model in own.rows else None
    if isinstance(each, forms.ChoiceField):
        values = [value for value, _ in each.choices if value]  # type: ignore[union-attr, misc]
        return FIELDS[name] if FIELDS.get(name) in values else next(iter(values), "")
    if isinstance(each, forms.JSONField):
        return "{}"
    if isinstance(each, forms.IntegerField | forms.FloatField):
        return 1
    return FIELDS.get(name, "words")
