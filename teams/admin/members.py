"""Pages of the organization's members."""

from django.http import HttpRequest
from unfold.decorators import display

from chatboost.core.admin import ReadOnlyAdmin, register
from chatboost.core.admin.display import choice_label
from chatboost.core.admin.filters import ChoicesDropdownFilter
from teams.models import Membership
from teams.roles import Role

COLOURS: dict[str, str] = {
    Role.OWNER: "success",
    Role.ADMIN: "info",
    Role.EDITOR: "default",
    Role.AGENT: "default",
    Role.VIEWER: "default",
}


@register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who belongs to the organization, and as what."""

    list_display = ("person", "email", "role_label", "is_active", "created_at")
    list_filter = (("role", ChoicesDropdownFilter),)
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    ordering = ("id",)
    fields = ("person", "email", "role", "is_active", "created_at")

    role_label = choice_label("role", COLOURS)

    @display(description="name")
    def person(self, membership: Membership) -> str:
        """Show the member's name."""
        return membership.user.get_full_name()

    @display(description="e-mail", ordering="user__email")
    def email(self, membership: Membership) -> str:
        """Show the member's e-mail."""
        return membership.user.email

    @display(description="active", boolean=True)
    def is_active(self, membership: Membership) -> bool:
        """Tell whether the member can sign in."""
        return membership.user.is_active

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the role may see the members."""
        return self.has_view_permission(request)
