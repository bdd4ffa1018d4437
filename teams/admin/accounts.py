"""What allauth keeps about accounts, for the installation's staff. Keys, codes and tokens are never shown."""

from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.base.internal.flows import delete_dangling_recovery_codes
from allauth.mfa.models import Authenticator
from allauth.socialaccount import providers
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django import forms
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from chatboost.core.admin import BulkAction, ReadOnlyStaffAdmin, StaffAdmin, register
from chatboost.core.admin.display import shortened
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter
from chatboost.core.admin.forms import SecretField
from chatboost.core.admin.scoping import STAFF, is_staff
from teams.services import sessions


@register(EmailAddress)
class EmailAddressAdmin(ReadOnlyStaffAdmin):
    """Addresses of accounts. Where no mail server is set, staff may say that one is verified."""

    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified", "primary")
    list_select_related = ("user",)
    search_fields = ("email__istartswith",)
    search_help_text = "The beginning of an address"
    ordering = ("-id",)
    fields = ("email", "user", "verified", "primary")
    readonly_fields = ("email", "user", "primary")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may say that an address is verified."""
        return is_staff(request)


@register(EmailConfirmation)
class EmailConfirmationAdmin(ReadOnlyStaffAdmin):
    """Confirmations that were mailed. The key in the mail is not shown."""

    list_display = ("email_address", "created", "sent")
    list_select_related = ("email_address__user",)
    ordering = ("-id",)
    fields = ("email_address", "created", "sent")


@register(UserSession)
class UserSessionAdmin(ReadOnlyStaffAdmin):
    """Who is signed in, from where. Deleting a session signs it out at once, with its tokens."""

    list_display = ("user", "ip", "program", "created_at", "last_seen_at")
    list_filter = (("last_seen_at", DayRangeFilter),)
    list_filter_submit = True
    list_select_related = ("user",)
    search_fields = ("user__email__istartswith", "ip__exact")
    search_help_text = "The beginning of somebody’s e-mail, or an IP address"
    ordering = ("-id",)
    fields = ("user", "ip", "user_agent", "created_at", "last_seen_at")
    bulk_actions = (
        BulkAction(
            name="end_selected",
            label="Sign out",
            permission=STAFF,
            confirm="These browsers and programs are signed out at once. Signing in again is possible.",
            run=lambda session, actor: sessions.end_row(session, actor=actor),
            is_dangerous=True,
        ),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may sign others out."""
        return is_staff(request)

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        """End the session."""
        sessions.end_row(obj, actor=request.user)

    @display(description="browser or program")
    def program(self, session: UserSession) -> str:
        """Show the start of what it calls itself."""
        return shortened(session.user_agent, 60)


@register(Authenticator)
class AuthenticatorAdmin(ReadOnlyStaffAdmin):
    """Second steps of signing in. Deleting one lets somebody in who has lost their phone."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = (("type", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("user",)
    search_fields = ("user__email__istartswith",)
    search_help_text = "The beginning of somebody’s e-mail"
    ordering = ("-id",)
    fields = ("user", "type", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may take a second step away."""
        return is_staff(request)

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        """Delete it; recovery codes that nothing is left to recover go too."""
        super().delete_model(request, obj)
        delete_dangling_recovery_codes(obj.user)
        sessions.announce(obj.user_id)


class SocialAppForm(forms.ModelForm[SocialApp]):
    """An application at a provider, with its secret as a write-only field."""

    new_secret = SecretField(label="Secret key")
    provider = forms.ChoiceField(widget=UnfoldAdminSelectWidget)

    class Meta:
        model = SocialApp
        fields = ("provider", "provider_id", "name", "client_id")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = dict(providers.registry.as_choices())
        if kept := self.instance.provider:
            known.setdefault(kept, kept)
        self.fields["provider"].choices = [*known.items()]  # type: ignore[attr-defined]
        if "new_secret" in self.fields:
            self.fields["new_secret"].help_text = SecretField(is_set=bool(self.instance.secret)).help_text

    def save(self, commit: bool = True) -> SocialApp:
        """Take a new secret over; an empty field leaves the stored one."""
        if secret := self.cleaned_data.get("new_secret"):
            self.instance.secret = secret
        app: SocialApp = super().save(commit=commit)
        return app


@register(SocialApp)
class SocialAppAdmin(StaffAdmin):
    """This installation's registrations at sign-in providers."""

    form = SocialAppForm
    list_display = ("name", "provider", "client_id")
    search_fields = ("name__istartswith",)
    ordering = ("name", "id")
    empty_hint = "Google is set up by GOOGLE_SIGN_IN_CLIENT_ID and its secret in the environment, not here."
    fields = ("provider", "provider_id", "name", "client_id", "new_secret")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody registers here what the environment says."""
        return False


@register(SocialAccount)
class SocialAccountAdmin(ReadOnlyStaffAdmin):
    """Accounts elsewhere that people sign in with."""

    list_display = ("user", "provider", "uid", "last_login", "date_joined")
    list_select_related = ("user",)
    search_fields = ("user__email__istartswith", "uid__exact")
    ordering = ("-id",)
    fields = ("user", "provider", "uid", "last_login", "date_joined")


@register(SocialToken)
class SocialTokenAdmin(ReadOnlyStaffAdmin):
    """That a token is there, and until when. The token itself is not shown."""

    list_display = ("account", "app", "expires_at")
    list_select_related = ("account__user", "app")
    ordering = ("-id",)
    fields = ("account", "app", "expires_at")
