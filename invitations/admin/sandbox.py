"""The people of sandbox sources: what a Mautic would know of them, links that were written back included."""

from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import ReadOnlyAdmin, register
from chatboost.core.admin.display import EMPTY, json_block, link
from chatboost.core.admin.filters import OrganizationRelatedFilter
from invitations.models import SandboxContact


@register(SandboxContact)
class SandboxContactAdmin(ReadOnlyAdmin):
    """Made-up people, in the order of their numbers."""

    list_display = ("number", "person", "link_field", "source_name", "changed_at")
    list_filter = (("source", OrganizationRelatedFilter),)
    list_select_related = ("source",)
    ordering = ("source", "number")
    empty_hint = "A sandbox source comes with fifty people, who appear here."
    fields = (("number", "source_link"), "changed_at", "all_fields")

    @display(description="person")
    def person(self, contact: SandboxContact) -> str:
        """Name them."""
        names = (str(contact.values.get(name, "")) for name in ("firstname", "lastname"))
        return " ".join(filter(None, names)) or EMPTY

    @display(description="link at the source")
    def link_field(self, contact: SandboxContact) -> SafeString | str:
        """Show what was written back."""
        found = contact.values.get(contact.source.link_field)
        return format_html('<bdi class="cb-address-whole">{}</bdi>', found) if found else EMPTY

    @display(description="source", ordering="source__name")
    def source_name(self, contact: SandboxContact) -> str:
        """Name whose they are."""
        return contact.source.name

    @display(description="source")
    def source_link(self, contact: SandboxContact) -> SafeString | str:
        """Link to the source."""
        return link(contact.source)

    @display(description="fields")
    def all_fields(self, contact: SandboxContact) -> SafeString:
        """Show everything that the sandbox knows of them."""
        return json_block(contact.values)
