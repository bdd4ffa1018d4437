"""Pages of users, for the installation's staff."""

from typing import Any

from django.http import HttpRequest

from chatboost.core.admin import StaffAdmin, register
from teams.models import User
from teams.services import sessions


@register(User)
class UserAdmin(StaffAdmin):
    """Everybody with an account. People register or are invited; here they are let in or kept out."""

    list_display = ("email", "name", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = ("email", "name", "is_active", "is_staff", "last_login", "date_joined")
    readonly_fields = ("email", "last_login", "date_joined")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody is added here: see registration and create_organization."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody is deleted here: an inactive user can't sign in."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save, and make the user's open sockets ask again whether they may stay."""
        super().save_model(request, obj, form, change)
        sessions.announce(obj.pk)
