"""Pages of the organization's members."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminEmailInputWidget

from chatboost.core.admin import BulkAction, DetailAction, OrganizationAdmin, register
from chatboost.core.admin.display import choice_label
from chatboost.core.admin.filters import ChoicesDropdownFilter
from chatboost.core.admin.forms import OrganizationForm
from chatboost.core.admin.scoping import is_allowed
from teams.models import Membership
from teams.roles import Role
from teams.services import members

COLOURS: dict[str, str] = {
    Role.OWNER: "success",
    Role.ADMIN: "info",
    Role.EDITOR: "default",
    Role.AGENT: "default",
    Role.VIEWER: "default",
}
KEYS_STAY = "API keys that they made keep working: revoke those that should not."


class MemberForm(OrganizationForm):
    """A member's role."""

    is_saved_by_service = True

    class Meta:
        model = Membership
        fields = ("role",)
        help_texts = {"role": "Counts at once. Nobody can give or take a role above their own."}


class NewMemberForm(MemberForm):
    """Somebody whom one works with already, and their role."""

    email = forms.EmailField(
        label="E-mail address",
        widget=UnfoldAdminEmailInputWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].help_text = format_html(
            "Of somebody in another organization of yours. <a class='cb-link' href='{}'>Invite</a> others.",
            reverse("admin:teams_invite_add"),
        )


@register(Membership)
class MembershipAdmin(OrganizationAdmin):
    """Who belongs to the organization, and as what."""

    form = MemberForm
    list_display = ("person", "address", "role_label", "is_active", "created_at")
    list_filter = (("role", ChoicesDropdownFilter),)
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    ordering = ("id",)
    readonly_fields = ("person", "address", "is_active", "created_at")
    detail_actions = (
        DetailAction(
            name="hand_over",
            label="Make owner in my place",
            permission="teams.transfer_ownership",
            icon="key",
            confirm="This member becomes the owner, you an administrator. Only they can undo it. Hand over?",
        ),
        DetailAction(
            name="remove",
            label="Remove",
            permission=members.MANAGE,
            icon="person_remove",
            confirm=f"This member loses access at once. {KEYS_STAY} Remove?",
        ),
        DetailAction(
            name="leave",
            label="Leave the organization",
            permission="teams.view_membership",
            icon="logout",
            confirm="You lose access at once, and come back only when somebody lets you in. Leave?",
        ),
    )
    bulk_actions = (
        BulkAction(
            name="remove_selected",
            label="Remove",
            permission=members.MANAGE,
            confirm=f"These members lose access at once. {KEYS_STAY}",
            run=lambda membership, actor: members.remove(membership=membership, actor=actor),
            is_dangerous=True,
        ),
    )

    role_label = choice_label("role", COLOURS)

    def row_title(self, row: Membership) -> str:
        """Name the member."""
        return row.user.get_full_name()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the users along."""
        return super().get_queryset(request).select_related("user")

    def get_fields(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        """Return what is asked of a new member, or shown of an old one."""
        return ("email", "role") if obj is None else ("person", "address", "role", "is_active", "created_at")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Ask of a new member who it is."""
        if obj is None:
            kwargs["form"] = NewMemberForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the member, knowing whether it is the visitor."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.is_visitor = row.user_id == request.user.pk
        return row

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the role may see the members."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the role may add members."""
        return is_allowed(request, members.MANAGE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Members are removed by a button, which says what that means."""
        return False

    def is_shown(self, action: DetailAction, obj: Any) -> bool:
        """Leave oneself, remove the others; hand over to somebody who can sign in."""
        if action.name == "leave" or obj.is_visitor:
            return action.name == "leave" and bool(obj.is_visitor)
        return action.name != "hand_over" or bool(obj.user.is_active)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """Save through the service."""
        if change:
            members.change_role(membership=obj, role=obj.role, actor=request.user)
            return
        added = members.add_colleague(
            organization=request.organization,  # type: ignore[attr-defined]
            email=form.cleaned_data["email"],
            role=obj.role,
            actor=request.user,
        )
        obj.pk = added.pk
        obj.refresh_from_db()

    def response_add(
        self, request: HttpRequest, obj: Membership, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Say who is in, and go back to the list."""
        return self._done(request, f"{obj.user.get_full_name()} is a member now.")

    def response_change(self, request: HttpRequest, obj: Membership) -> HttpResponse:
        """Say what has changed, and go back to the list."""
        return self._done(request, f"{obj.user.get_full_name()} is {obj.get_role_display().lower()} now.")

    def remove(self, request: HttpRequest, membership: Membership) -> HttpResponse:
        """End the membership at once."""
        members.remove(membership=membership, actor=request.user)
        return self._done(request, f"{membership.user.get_full_name()} is removed. {KEYS_STAY}")

    def leave(self, request: HttpRequest, membership: Membership) -> HttpResponse:
        """End the visitor's own membership, whichever row the button was on."""
        members.leave(organization=membership.organization, user=request.user)  # type: ignore[arg-type]
        self.message_user(request, f"You have left {membership.organization.name}.")
        return HttpResponseRedirect(reverse("admin:index"))

    def hand_over(self, request: HttpRequest, membership: Membership) -> HttpResponse:
        """Make the member owner in the visitor's place."""
        members.transfer_ownership(
            organization=membership.organization,
            user_id=membership.user_id,
            actor=request.user,  # type: ignore[arg-type]
        )
        return self._done(request, f"{membership.user.get_full_name()} is the owner now.")

    @display(description="name")
    def person(self, membership: Membership) -> str:
        """Show the member's name."""
        return membership.user.get_full_name()

    @display(description="e-mail", ordering="user__email")
    def address(self, membership: Membership) -> str:
        """Show the member's e-mail."""
        return membership.user.email

    @display(description="active", boolean=True)
    def is_active(self, membership: Membership) -> bool:
        """Tell whether the member can sign in."""
        return membership.user.is_active

    def _done(self, request: HttpRequest, words: str) -> HttpResponse:
        self.message_user(request, words)
        return HttpResponseRedirect(self.url("changelist"))
