"""Contacts with what is known about them."""

import json
import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold import widgets

from chatboost.core.admin import (
    BulkAction,
    DetailLink,
    OrganizationAdmin,
    OrganizationTabularInline,
    link_on,
    register,
)
from chatboost.core.admin.display import choice_label
from chatboost.core.admin.exchange import ImportExport
from chatboost.core.admin.forms import OrganizationForm
from chatboost.core.admin.pagination import UncountedPaginator
from chatboost.messaging import attribute_values
from chatboost.messaging.jobs import EXPORT_CONTACTS, IMPORT_CONTACTS
from chatboost.messaging.models import Contact, ContactAttribute, ValueType
from chatboost.messaging.services import attributes, contacts

_PHONE_LIKE = re.compile(r"[+0-9() .-]{4,}")


class ContactForm(OrganizationForm):
    """A person."""

    is_saved_by_service = True


class AttributeForm(OrganizationForm):
    """One attribute; its value is entered as text and read by its type."""

    is_saved_by_service = True

    value = forms.CharField(required=False, widget=widgets.UnfoldAdminTextInputWidget)

    class Meta:
        model = ContactAttribute
        fields = ("key", "value_type", "value")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        value = self.initial.get("value")
        if value is not None and not isinstance(value, str):
            self.initial["value"] = json.dumps(value, ensure_ascii=False)

    def clean_key(self) -> str:
        """Refuse a name that no placeholder could hold."""
        key: str = self.cleaned_data["key"]
        if not attribute_values.is_key(key):
            raise forms.ValidationError(
                "Begin with a letter or _; then letters, digits, _, dots and hyphens."
            )
        return key

    def clean(self) -> dict[str, Any] | None:
        """Read the value by its type."""
        cleaned = super().clean() or {}
        try:
            cleaned["value"] = attribute_values.coerce(
                cleaned.get("value", ""), cleaned.get("value_type", ValueType.STRING)
            )
        except attribute_values.AttributeValueError as problem:
            self.add_error("value", str(problem))
        return cleaned


class AttributeInline(OrganizationTabularInline):
    """A contact's attributes."""

    model = ContactAttribute
    form = AttributeForm
    fields = ("key", "value_type", "value")
    verbose_name_plural = "attributes"
    ordering = ("key",)
    hide_title = True


@register(Contact)
class ContactAdmin(ImportExport, OrganizationAdmin):
    """A person's page."""

    form = ContactForm
    import_job, export_job = IMPORT_CONTACTS, EXPORT_CONTACTS
    list_display = ("__str__", "phone", "language", "status_label", "created_at")
    list_filter = ("status", "language")
    search_fields = (
        "phone__startswith",
        "first_name__istartswith",
        "last_name__istartswith",
        "email__istartswith",
    )
    ordering = ("-id",)
    empty_hint = "Everybody who writes to a bot becomes a contact. People can also be added or imported here."
    paginator = UncountedPaginator
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": (("first_name", "last_name"), ("phone", "email"), ("language", "status"))}),
        ("Times", {"fields": (("created_at", "updated_at"),)}),
    )
    readonly_fields = ("created_at", "updated_at")
    inlines = (AttributeInline,)
    bulk_actions = (
        BulkAction(
            name="erase_selected",
            label="Erase",
            permission="messaging.erase",
            confirm=(
                "Who these people are, what is known about them and what was said is forgotten for good. "
                "Messages keep an empty row, so that counts stay true."
            ),
            run=lambda contact, actor: contacts.erase(contact, actor=actor),
            is_dangerous=True,
        ),
    )

    status_label = choice_label("status")

    def scope(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave out people who are forgotten."""
        return super().scope(request, queryset).filter(erased_at=None)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a phone number however it is written."""
        if _PHONE_LIKE.fullmatch(search_term.strip()):
            search_term = "+" + re.sub(r"\D", "", search_term)
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:
        """Save through the service."""
        values = {name: form.cleaned_data[name] for name in contacts.WRITABLE if name in form.cleaned_data}
        if change:
            saved = contacts.update(obj, **values)
        else:
            saved = contacts.create(organization=request.organization, source="console", **values)  # type: ignore[attr-defined]
        obj.__dict__.update(saved.__dict__)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Write the attributes through the service; a renamed one is a new one."""
        formset.save(commit=False)
        renamed = [row for row in formset.forms if row.instance.pk and "key" in row.changed_data]
        for attribute in [*formset.deleted_objects, *(row.instance for row in renamed)]:
            attributes.remove(attribute)
        entries = [
            {name: row.cleaned_data[name] for name in ("key", "value", "value_type")}
            for row in formset.forms
            if row.has_changed() and not row.cleaned_data.get("DELETE")
        ]
        attributes.set_many(contact=form.instance, entries=entries)

    def get_deleted_objects(
        self, objs: Sequence[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Say what is forgotten, and what stays."""
        rows, counts, lacking, kept = super().get_deleted_objects(objs, request)
        words = [f"{row}: who it is, what is known, and what was said" for row in rows]
        words.append("Messages keep an empty row, so that counts stay true.")
        return (
            words,
            {name: counts[name] for name in ("contacts", "contact attributes") if name in counts},
            lacking,
            kept,
        )

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        """Forget the person; messages keep their row for the counts and lose what they say."""
        contacts.erase(obj, actor=request.user)


@link_on(Contact)
def _conversations_link(request: HttpRequest, contact: Contact) -> DetailLink:
    url = f"{reverse('admin:messaging_conversation_changelist')}?contact__id__exact={contact.pk}"
    return DetailLink("Conversations", url, "forum", "messaging.view_conversation")
