"""Versions of layouts: read, and gone back to."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import DetailAction, ReadOnlyAdmin, register
from chatboost.core.admin.display import EMPTY, json_block, link
from chatboost.core.admin.filters import OrganizationRelatedFilter
from invitations.admin.asked import CHANGE_LAYOUTS
from invitations.models import LayoutVersion
from invitations.services import layouts


@register(LayoutVersion)
class LayoutVersionAdmin(ReadOnlyAdmin):
    """A version never changes."""

    list_display = ("small_picture", "__str__", "layout_name", "saved_by", "created_at")
    list_display_links = ("small_picture", "__str__")
    list_filter = (("layout", OrganizationRelatedFilter),)
    list_select_related = ("layout",)
    ordering = ("-id",)
    empty_hint = "Whenever a layout is saved, a version of it appears here."
    fields = (("layout_link", "number"), ("saved_by", "created_at"), "picture", "document_json")
    detail_actions = (
        DetailAction(
            name="restore",
            label="Restore this version",
            permission=CHANGE_LAYOUTS,
            icon="settings_backup_restore",
            confirm="The layout gets a new version that is like this one. Continue?",
            is_primary=True,
        ),
    )

    class Media:
        css = {"all": ["invitations/invitations.css"]}

    def row_title(self, row: LayoutVersion) -> str:
        """Name the layout and the number."""
        return f"{row.layout}, version {row.number}"

    def is_shown(self, action: DetailAction, obj: LayoutVersion) -> bool:
        """The latest version is what the layout is already."""
        return obj.number < obj.layout.version_count

    def restore(self, request: HttpRequest, version: LayoutVersion) -> HttpResponse:
        """Save an older version again, as a new one."""
        new = layouts.save_version(version.layout, document=version.document, actor=request.user)
        messages.success(request, f"Version {version.number} is back, as version {new.number}.")
        return HttpResponseRedirect(
            reverse("admin:invitations_invitationlayout_change", args=[version.layout_id])
        )

    @display(description="layout", ordering="layout__name")
    def layout_name(self, version: LayoutVersion) -> str:
        """Name the layout."""
        return version.layout.name

    @display(description="layout")
    def layout_link(self, version: LayoutVersion) -> SafeString | str:
        """Link to the layout."""
        return link(version.layout)

    @display(description="saved by")
    def saved_by(self, version: LayoutVersion) -> str:
        """Name who saved it."""
        return version.actor_label or EMPTY

    @display(description="card")
    def small_picture(self, version: LayoutVersion) -> SafeString:
        """Show a card of it, small."""
        return _image(version, "cb-small-picture")

    @display(description="card")
    def picture(self, version: LayoutVersion) -> SafeString:
        """Show a card of it."""
        return _image(version, "cb-version-picture")

    @display(description="document")
    def document_json(self, version: LayoutVersion) -> SafeString:
        """Show what was saved."""
        return json_block(version.document)


def _image(version: LayoutVersion, style: str) -> SafeString:
    url = reverse("admin:invitations_invitationlayout_picture", args=[version.layout_id, version.uuid])
    return format_html('<img class="{}" src="{}" alt="" loading="lazy">', style, url)
