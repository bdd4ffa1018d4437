"""Pages of users, for the installation's staff."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from unfold.decorators import display

from chatboost.core.admin import BulkAction, DetailAction, StaffAdmin, register
from chatboost.core.admin.display import EMPTY
from chatboost.core.admin.scoping import STAFF
from teams.admin.members import KEYS_STAY
from teams.models import Membership, User
from teams.services import api_keys, deactivation, sessions

OUT = f"They are signed out everywhere at once, and can't sign in any more. {KEYS_STAY}"


@register(User)
class UserAdmin(StaffAdmin):
    """Everybody with an account. People register or are invited; here they are let in or kept out."""

    list_display = ("email", "name", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = ("email", "name", "is_active", "is_staff", "seats", "last_login", "date_joined")
    readonly_fields = ("email", "is_active", "seats", "last_login", "date_joined")
    detail_actions = (
        DetailAction(
            name="deactivate",
            label="Deactivate",
            permission=STAFF,
            icon="person_off",
            confirm=f"{OUT} Deactivate?",
        ),
        DetailAction(
            name="reactivate", label="Reactivate", permission=STAFF, icon="person_check", is_primary=True
        ),
        DetailAction(
            name="sign_out",
            label="Sign out everywhere",
            permission=STAFF,
            icon="logout",
            confirm="All of their sessions and tokens end at once; they may sign in again. Sign out?",
        ),
    )
    bulk_actions = (
        BulkAction(
            name="deactivate_selected",
            label="Deactivate",
            permission=STAFF,
            confirm=OUT,
            run=lambda user, actor: deactivation.deactivate(user=user, actor=actor),
            is_dangerous=True,
        ),
        BulkAction(
            name="reactivate_selected",
            label="Reactivate",
            permission=STAFF,
            confirm="They can sign in again.",
            run=lambda user, actor: deactivation.reactivate(user=user, actor=actor),
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody is added here: see registration and create_organization."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody is deleted here: an inactive user can't sign in."""
        return False

    def is_shown(self, action: DetailAction, obj: User) -> bool:
        """Show what makes sense: who is out has no sessions."""
        return obj.is_active is not (action.name == "reactivate")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save, and make the user's open sockets ask again whether they may stay."""
        super().save_model(request, obj, form, change)
        sessions.announce(obj.pk)

    def deactivate(self, request: HttpRequest, user: User) -> None:
        """Keep them out."""
        if deactivation.deactivate(user=user, actor=request.user):
            count = api_keys.live().filter(created_by=user).count()
            keys = f" {KEYS_STAY} There {'is' if count == 1 else 'are'} {count:,}." if count else ""
            self.message_user(request, f"{user.email} is deactivated, and signed out everywhere.{keys}")

    def reactivate(self, request: HttpRequest, user: User) -> None:
        """Let them in again."""
        if deactivation.reactivate(user=user, actor=request.user):
            self.message_user(request, f"{user.email} can sign in again.")

    def sign_out(self, request: HttpRequest, user: User) -> None:
        """End all of their sessions."""
        with transaction.atomic():
            sessions.end_all(user, actor=request.user)
        self.message_user(request, f"{user.email} is signed out everywhere.")

    @display(description="organizations")
    def seats(self, user: User) -> str:
        """Name where they belong, and as what."""
        # All of theirs: this page is about the person.
        rows = Membership.objects.across_organizations().filter(user=user).select_related("organization")
        named = (f"{row.organization.name} ({row.get_role_display().lower()})" for row in rows.order_by("id"))
        return ", ".join(named) or EMPTY
