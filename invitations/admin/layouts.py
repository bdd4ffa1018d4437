"""Layouts: what cards look like, edited as fields or as JSON beside a picture of a card."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from chatboost.core.admin import OrganizationAdmin, register
from chatboost.core.admin.display import EMPTY, json_block
from chatboost.core.admin.forms import OrganizationForm, PrettyJSONField
from chatboost.core.admin.scoping import organization_of
from invitations import rendering
from invitations.admin import layout_rules
from invitations.admin.asked import CHANGE_LAYOUTS, VIEW_ASSETS, VIEW_LAYOUTS
from invitations.admin.layout_previews import MADE_UP, PreviewPages
from invitations.models import InvitationLayout, InvitationSource, LayoutVersion
from invitations.services import layouts as services

# So many versions stand on a layout's page.
SHOWN_VERSIONS = 8


class LayoutForm(OrganizationForm):
    """A layout's name and its document."""

    is_saved_by_service = True

    document = PrettyJSONField(label="Document", help_text="Every field of the form stands here, and more.")

    class Meta:
        model = InvitationLayout
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "document" in self.fields and self.instance.pk is None:
            self.initial.setdefault("document", rendering.default_document())
        elif "document" in self.fields:
            newest = self.instance.versions.order_by("-number").first()
            self.initial.setdefault("document", newest.document if newest else rendering.default_document())


@register(InvitationLayout)
class InvitationLayoutAdmin(PreviewPages, OrganizationAdmin):
    """Layouts of the organization."""

    form = LayoutForm
    list_display = ("thumbnail", "name", "version_words", "created_at")
    list_display_links = ("thumbnail", "name")
    search_fields = ("name__icontains",)
    ordering = ("name", "id")
    empty_hint = "Cards look like the layout that comes with ChatBoost until there is one of your own."
    change_form_template = "invitations/layout.html"

    class Media:
        css = {"all": ["invitations/invitations.css"]}
        js = [Script("invitations/layout.js", type="module")]

    @property
    def page_permissions(self) -> Mapping[str, str]:
        """What the further pages ask."""
        return {
            "invitations_invitationlayout_preview": CHANGE_LAYOUTS,
            "invitations_invitationlayout_contacts": CHANGE_LAYOUTS,
            "invitations_invitationlayout_picture": VIEW_LAYOUTS,
            "invitations_invitationlayout_looks": VIEW_ASSETS,
        }

    def get_urls(self) -> list[URLPattern]:
        """Add what the editor asks, and pictures of versions."""
        view, name = self.admin_site.admin_view, "invitations_invitationlayout"
        pages = [
            path("preview/", view(require_POST(self.preview_view)), name=f"{name}_preview"),
            path("contacts/", view(require_POST(self.contacts_view)), name=f"{name}_contacts"),
            path("<int:pk>/picture/<uuid:uuid>/", view(self.picture_view), name=f"{name}_picture"),
            path("looks/<int:asset_pk>/", view(self.looks_view), name=f"{name}_looks"),
        ]
        return [*pages, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whoever may change a layout gets the editor, others see what it is."""
        if self.has_change_permission(request, obj):
            return [(None, {"fields": ("name", "document")})]
        return [(None, {"fields": ("name", "version_words", "picture", "document_json")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is shown beside the form."""
        return ("version_words", "picture", "document_json")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Bring the newest version’s name along, which pictures go by."""
        newest = LayoutVersion.objects.filter(layout=OuterRef("pk")).order_by("-number").values("uuid")[:1]
        return super().get_queryset(request).annotate(newest_uuid=Subquery(newest))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add what the editor offers, and the last versions."""
        row = kwargs.get("obj")
        if self.has_change_permission(request, row):
            context |= self._editor(request)
        if row is not None:
            context["layout_versions"] = self._versions(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: InvitationLayout, form: Any, change: bool) -> None:
        """Save through the service: another document is another version."""
        name, document = form.cleaned_data["name"], form.cleaned_data["document"]
        if change:
            with transaction.atomic():
                saved = services.rename(obj, name=name, actor=request.user)
                services.save_version(saved, document=document, actor=request.user)
        else:
            organization = organization_of(request)
            saved = services.create(
                organization=organization, name=name, document=document, actor=request.user
            )
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: InvitationLayout) -> None:
        """Delete through the service."""
        services.delete(obj, actor=request.user)

    def _editor(self, request: HttpRequest) -> dict[str, Any]:
        organization = organization_of(request)
        found = InvitationSource.objects.for_organization(organization).order_by("name")
        return {
            "layout_schema": json.dumps(layout_rules.rules()),
            "layout_offered": json.dumps(layout_rules.offered(organization)),
            "layout_preview_url": self.url("preview"),
            "layout_contacts_url": self.url("contacts"),
            "layout_sources": found.only("name", "organization"),
            "layout_people": [(name, person.title) for name, person in MADE_UP.items()],
        }

    def _versions(self, request: HttpRequest, row: InvitationLayout) -> list[tuple[LayoutVersion, str, str]]:
        may_restore = self.has_change_permission(request, row)
        found = LayoutVersion.objects.filter(layout=row).defer("document", "assets").order_by("-number")
        return [
            (
                version,
                self.url("picture", row.pk, version.uuid),
                self._restore_url(version) if may_restore and version.number < row.version_count else "",
            )
            for version in found[:SHOWN_VERSIONS]
        ]

    @display(description="card")
    def thumbnail(self, layout: InvitationLayout) -> SafeString | str:
        """Show a card of it, small."""
        return self._image(layout, "cb-small-picture")

    @display(description="card")
    def picture(self, layout: InvitationLayout) -> SafeString | str:
        """Show a card of it."""
        return self._image(layout, "cb-version-picture")

    @display(description="version", ordering="version_count")
    def version_words(self, layout: InvitationLayout) -> str:
        """Say how often it was saved."""
        return str(layout.version_count)

    @display(description="document")
    def document_json(self, layout: InvitationLayout) -> SafeString | str:
        """Show what it consists of."""
        newest = layout.versions.order_by("-number").first()
        return json_block(newest.document) if newest else EMPTY

    def _image(self, layout: Any, style: str) -> SafeString | str:
        if layout.newest_uuid is None:
            return EMPTY
        url = self.url("picture", layout.pk, layout.newest_uuid)
        return format_html('<img class="{}" src="{}" alt="" loading="lazy">', style, url)

    def _restore_url(self, version: LayoutVersion) -> str:
        admin: Any = self.admin_site.get_model_admin(LayoutVersion)
        url: str = admin.url("action", version.pk, "restore")
        return url
