"""Pages of invites: who is asked in, again, or no more."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from unfold.decorators import display

from chatboost.core.admin import BulkAction, DetailAction, OrganizationAdmin, register
from chatboost.core.admin.display import EMPTY, choice_label, state_label
from chatboost.core.admin.filters import ChoicesDropdownFilter
from chatboost.core.admin.forms import OrganizationForm
from chatboost.core.admin.scoping import is_allowed, organization_of
from teams.admin.members import COLOURS
from teams.models import Invite, InviteState
from teams.roles import RANK, Role
from teams.selectors import memberships
from teams.services import invites

MANAGE = "teams.manage_members"
OPEN = (InviteState.PENDING, InviteState.EXPIRED)


class InviteForm(OrganizationForm):
    """Somebody to ask in."""

    is_saved_by_service: ClassVar[bool] = True
    # What the visitor may give; the page sets it.
    roles: ClassVar[list[tuple[str, str]]] = list(Role.choices)

    class Meta:
        model = Invite
        fields = ("email", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "email" in self.fields:
            self.fields["email"].help_text = "They get a mail with a link that works once, for this address."
            role: Any = self.fields["role"]
            role.choices = self.roles
            role.help_text = "Up to your own role. It can be changed later."


@register(Invite)
class InviteAdmin(OrganizationAdmin):
    """Who is asked in. The link itself is in the mail and nowhere here."""

    form = InviteForm
    list_display = ("email", "role_label", "state_label", "sender", "sent_at", "expires_at")
    list_filter = (("role", ChoicesDropdownFilter),)
    list_select_related = ("invited_by", "invited_by_key")
    search_fields = ("email",)
    ordering = ("-id",)
    empty_hint = "Nobody is invited. Colleagues get a mail with a link, and choose a password of their own."
    detail_actions = (
        DetailAction(
            name="resend",
            label="Send again",
            permission=MANAGE,
            icon="forward_to_inbox",
            confirm="They get a new link by mail; the one they have stops working. Send it?",
            is_primary=True,
        ),
        DetailAction(
            name="revoke",
            label="Revoke",
            permission=MANAGE,
            icon="person_cancel",
            confirm="The link that was mailed stops working. Revoke the invite?",
        ),
    )
    bulk_actions = (
        BulkAction(
            name="resend_selected",
            label="Send again",
            permission=MANAGE,
            confirm="Each person gets a new link by mail; the ones they have stop working.",
            run=lambda invite, actor: invites.resend(invite=invite, actor=actor),
        ),
        BulkAction(
            name="revoke_selected",
            label="Revoke",
            permission=MANAGE,
            confirm="The links that were mailed stop working. Invites that were accepted stay as they are.",
            run=lambda invite, actor: invites.revoke(invite=invite, actor=actor),
            is_dangerous=True,
        ),
    )

    role_label = choice_label("role", COLOURS)

    def get_fields(self, request: HttpRequest, obj: Invite | None = None) -> Any:
        """Return what is asked of a new invite, or shown of an old one."""
        if obj is None:
            return ("email", "role")
        shown = ("email", "role", "state", "sender", "created_at", "sent_at", "expires_at")
        return (*shown, "accepted_at", "joined") if obj.accepted_at else shown

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Offer the roles that the visitor may give."""
        form = super().get_form(request, obj, change=change, **kwargs)
        organization = organization_of(request)
        seat = memberships.seat_in(request.user, organization.pk) if organization else None
        own = RANK[Role(seat.role)] if seat else -1
        form.roles = [(role.value, role.label) for role in Role if RANK[role] <= own]
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with what a colleague most often is."""
        return {"role": Role.AGENT, **super().get_changeform_initial_data(request)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the role may invite."""
        return is_allowed(request, MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes an invite: revoke it and send another."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes an invite: who asked whom in stays explainable."""
        return False

    def save_model(self, request: HttpRequest, obj: Invite, form: Any, change: bool) -> None:
        """Invite through the service."""
        invite = invites.create(
            organization=organization_of(request), email=obj.email, role=obj.role, actor=request.user
        )
        obj.pk = invite.pk
        obj.refresh_from_db()
        if not settings.EMAIL_HOST:
            # The link lets in as this address: only staff, who run the mailbox, may see it.
            messages.warning(
                request, "No mail server is set. The installation’s staff finds the mail in the mailbox."
            )

    def is_shown(self, action: DetailAction, obj: Invite) -> bool:
        """Only an invite that is open can be sent again or revoked."""
        return obj.state in OPEN

    def resend(self, request: HttpRequest, invite: Invite) -> None:
        """Send it again."""
        invites.resend(invite=invite, actor=request.user)
        self.message_user(request, f"Sent to {invite.email} again.", messages.SUCCESS)

    def revoke(self, request: HttpRequest, invite: Invite) -> None:
        """End it at once."""
        invites.revoke(invite=invite, actor=request.user)
        self.message_user(request, f"The invite of {invite.email} is revoked.", messages.SUCCESS)

    @display(description="invited by")
    def sender(self, invite: Invite) -> str:
        """Name who sent it last."""
        if invite.invited_by_key is not None:
            return f"API key {invite.invited_by_key}"
        return invite.invited_by.get_full_name() if invite.invited_by else EMPTY

    @display(description="member")
    def joined(self, invite: Invite) -> str:
        """Name who accepted it."""
        return invite.accepted_by.get_full_name() if invite.accepted_by else EMPTY

    @display(description="state")
    def state(self, invite: Invite) -> str:
        """Tell where it stands."""
        return str(invite.state.label)

    @display(description="state")
    def state_label(self, invite: Invite) -> Any:
        """Tell it in colour, for the list."""
        return state_label(invite.state.value)
