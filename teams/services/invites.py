"""Invites: somebody is asked in by e-mail, and joins with the token of that mail, once.

The token is 256 random bits; its SHA-256 is kept, here called the *key*. Whoever shows the token has read the
address's mail. An invite is worth what its sender may still give: it ends when they leave or lose the right.
"""

import hashlib
import math
import secrets
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from chatboost.core import audit, clock, mail
from chatboost.core import limits as rates
from chatboost.core.errors import Conflict, Forbidden, NotFound, ValidationFailed
from chatboost.core.limits import Rate
from teams import limits, names, roles
from teams.errors import Gone, TooManyAttempts, Unauthenticated
from teams.models import Invite, InviteState, Membership, Organization, User
from teams.principals import ApiKeyPrincipal
from teams.roles import Role
from teams.services import addresses, api_keys, organizations, reach, registration

MANAGE = "teams.manage_members"
TEMPLATE = "invite"

# Mails to one address, of one organization and of all of them, and to anybody, of one organization and of one
# person or key: people who did not ask for them are at the other end.
ADDRESS_RATE = Rate(5, timedelta(days=1))
EVERYBODYS_ADDRESS_RATE = Rate(10, timedelta(days=1))
ORGANIZATION_RATE = Rate(200, timedelta(days=1))
# Anybody may open organizations: with each they would have as many mails again.
ACTOR_RATE = ORGANIZATION_RATE


class Actor(Protocol):
    """Whoever invites: a user or an API key."""

    pk: Any

    def has_perm(self, perm: str, obj: Organization) -> bool:
        """Tell whether the actor holds a permission in an organization."""


@transaction.atomic
def create(*, organization: Organization, email: str, role: str, actor: Actor | None = None) -> Invite:
    """Ask somebody in. No actor means the installation.

    Raises: ValidationFailed (`invalid_address`, `unknown_role`), Forbidden (`beyond_your_role`), Conflict
        (`already_member`, `already_invited`, `limit_reached`), TooManyAttempts.
    """
    email = _address(email)
    organizations.lock(organization.pk)
    reach.check(actor, organization, role)
    if _members(organization, email).exists():
        raise Conflict("This person is a member already.", code="already_member")
    _make_room(organization, email, actor)
    limits.check(organization, "members")
    _spend(organization, email, actor)
    token = secrets.token_urlsafe(32)
    invite = Invite(organization=organization, email=email, role=role, **_fresh(token, actor))
    invite.full_clean()
    invite.save()
    audit.record(
        actor=actor,
        verb="invite.created",
        object=invite,
        changes={"role": (None, role), "expires_at": (None, invite.expires_at)},
    )
    _send(invite, token)
    return invite


@transaction.atomic
def resend(*, invite: Invite, actor: Actor | None = None) -> Invite:
    """Send an invite again, with a new link and a new expiry; the old link is dead. An expired one revives.

    Raises: Conflict (`invite_closed`, `limit_reached`), Forbidden (`beyond_your_role`), TooManyAttempts.
    """
    organizations.lock(invite.organization_id)
    row = _locked(invite)
    reach.check(actor, row.organization, row.role)
    if row.state == InviteState.EXPIRED:
        limits.check(row.organization, "members")
    elif row.state != InviteState.PENDING:
        raise Conflict(f"This invite is {row.state.label.lower()}.", code="invite_closed")
    _spend(row.organization, row.email, actor)
    token = secrets.token_urlsafe(32)
    before = row.expires_at
    for name, value in _fresh(token, actor).items():
        setattr(row, name, value)
    row.save(update_fields=["token_hash", "sent_at", "expires_at", "invited_by", "invited_by_key"])
    audit.record(
        actor=actor, verb="invite.resent", object=row, changes={"expires_at": (before, row.expires_at)}
    )
    _send(row, token)
    return row


@transaction.atomic
def revoke(*, invite: Invite, actor: Actor | None = None) -> bool:
    """Take an invite back: its link is dead. False when it was revoked before.

    Raises: Conflict (`invite_closed`) once it is accepted, Forbidden (`beyond_your_role`).
    """
    organizations.lock(invite.organization_id)
    row = _locked(invite)
    reach.check(actor, row.organization, row.role)
    if row.state == InviteState.ACCEPTED:
        raise Conflict("This invite is accepted: remove the member instead.", code="invite_closed")
    if row.state == InviteState.REVOKED:
        return False
    _revoke(row, actor)
    return True


def key_of(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def find_by_key(key: str) -> Invite:
    """Return the pending invite of a token's key, with its organization and sender.

    Raises: NotFound (`invite_not_found`), Gone (`invite_used`, `invite_revoked`, `invite_expired`).
    """
    invite: Invite | None = (
        # Its holder belongs to no organization yet: the token is the credential.
        Invite.objects.across_organizations()
        .filter(token_hash=key, organization__is_active=True)
        .select_related("organization", "invited_by")
        .first()
    )
    if invite is None:
        raise NotFound("There is no such invite.", code="invite_not_found")
    _check_open(invite)
    return invite


@transaction.atomic
def accept(*, key: str, user: User) -> Membership:
    """Join with the invite of a token's key. A member stays what they are; the invite is used up.

    Raises: Forbidden (`wrong_account`) unless it was sent to this user's address, and as `find_by_key`.
    """
    invite = _locked_by_key(key)
    if not addresses.belongs_to(user, invite.email):
        raise Forbidden("This invite was sent to another address.", code="wrong_account")
    return _take(invite, user)


@transaction.atomic
def accept_as_new(*, key: str, password: str, name: str = "") -> Membership:
    """Create the user of an invite's address, who has proved to read its mail, and join.

    Raises: Unauthenticated (`sign_in_required`) when the address has an account, ValidationFailed
        (`weak_password`), and as `find_by_key`.
    """
    invite = _locked_by_key(key)
    if addresses.is_taken(invite.email):
        raise sign_in_required()
    user = registration.create_user(email=invite.email, password=password, name=name, is_email_verified=True)
    registration.note_created(user, actor=user)
    return _take(invite, user)


def is_awaited(email: str) -> bool:
    """Tell whether an organization has asked this address in, and still does."""
    now = clock.now()
    pending = Invite.objects.across_organizations().filter(  # whichever organization it is
        email=email.lower(),
        accepted_at=None,
        revoked_at=None,
        expires_at__gt=now,
        organization__is_active=True,
    )
    return any(_is_backed(invite) for invite in pending.select_related("organization"))


def sign_in_required() -> Unauthenticated:
    """Return the refusal of somebody whose address has an account."""
    return Unauthenticated(
        "There is an account with this address: sign in to accept.", code="sign_in_required"
    )


def _address(email: str) -> str:
    try:
        return mail.check_address(email.strip()).lower()
    except ValidationFailed as refusal:
        raise ValidationFailed(
            refusal.message, code=refusal.code, errors={"email": [refusal.message]}
        ) from refusal


def _make_room(organization: Organization, email: str, actor: Actor | None) -> None:
    """Refuse a second open invite of an address; one that has expired is put away."""
    open_invites = Invite.objects.for_organization(organization).filter(
        email=email, accepted_at=None, revoked_at=None
    )
    for invite in open_invites.select_for_update():
        if invite.state == InviteState.PENDING:
            raise Conflict("This person is invited already: send the invite again.", code="already_invited")
        _revoke(invite, actor)


def _spend(organization: Organization, email: str, actor: Actor | None) -> None:
    rates_of_all = [
        (f"invite:{organization.pk}:{email}", ADDRESS_RATE),
        (f"invite:any:{email}", EVERYBODYS_ADDRESS_RATE),
        (f"invite:{organization.pk}", ORGANIZATION_RATE),
    ]
    rates_of_actor = [(f"invite:by:{actor.pk}", ACTOR_RATE)] if actor is not None else []
    for key, rate in rates_of_all + rates_of_actor:
        verdict = rates.hit(key, limit=rate.limit, window=rate.window)
        if not verdict.is_allowed:
            wait = math.ceil(verdict.retry_after.total_seconds())
            raise TooManyAttempts("Too many invites by mail. Try again later.", wait=wait)


def _fresh(token: str, actor: Actor | None) -> dict[str, Any]:
    now = clock.now()
    return {
        "token_hash": key_of(token),
        "sent_at": now,
        "expires_at": now + settings.INVITE_LIFETIME,
        "invited_by": actor if isinstance(actor, User) else None,
        "invited_by_key": actor.key if isinstance(actor, ApiKeyPrincipal) else None,
    }


def _send(invite: Invite, token: str) -> None:
    """Write the mail. Its link lets somebody in, so it lies with the installation's own mail, for staff."""
    expires_at = invite.expires_at.astimezone(ZoneInfo(invite.organization.time_zone))
    mail.queue(
        to=invite.email,
        template=TEMPLATE,
        context={
            "organization": names.one_line(invite.organization.name),
            "inviter": names.one_line(invite.invited_by.get_full_name()) if invite.invited_by else "",
            "role": Role(invite.role).label,
            "link": f"{settings.PUBLIC_BASE_URL}{reverse('invite_link', args=[quote(token)])}",
            "expires": f"{expires_at:%A, %d %B %Y, %H:%M %Z}",
            "email": invite.email,
        },
    )


def _locked(invite: Invite) -> Invite:
    rows = Invite.objects.for_organization(invite.organization_id).select_for_update(of=("self",))
    row: Invite = rows.select_related("organization").get(pk=invite.pk)
    return row


def _locked_by_key(key: str) -> Invite:
    found = find_by_key(key)
    organizations.lock(found.organization_id)
    invite = _locked(found)
    # A resend in between has made another link of it.
    if invite.token_hash != key:
        raise NotFound("There is no such invite.", code="invite_not_found")
    _check_open(invite)
    return invite


def _check_open(invite: Invite) -> None:
    if invite.state == InviteState.ACCEPTED:
        raise Gone("This invite has been used.", code="invite_used")
    if invite.state == InviteState.REVOKED:
        raise Gone("This invite was taken back.", code="invite_revoked")
    if invite.state == InviteState.EXPIRED:
        raise Gone("This invite has expired. Ask for a new one.", code="invite_expired")
    if not _is_backed(invite):
        message = "Whoever sent this invite can't let anybody in any more. Ask for a new one."
        raise Gone(message, code="invite_revoked")


def _is_backed(invite: Invite) -> bool:
    """Tell whether the sender may still give what the invite gives: else who was removed could come back."""
    wanted = [MANAGE, *roles.permissions_of(invite.role)]
    if invite.invited_by_key_id is not None:
        key = api_keys.live().filter(pk=invite.invited_by_key_id).first()
        return key is not None and reach.holds(ApiKeyPrincipal(key), invite.organization, wanted)
    if invite.invited_by_id is not None:
        user = User.objects.get(pk=invite.invited_by_id)
        return reach.holds(user, invite.organization, wanted)
    return True


def _take(invite: Invite, user: User) -> Membership:
    members = Membership.objects.for_organization(invite.organization_id)
    membership: Membership | None = members.filter(user=user).first()
    if membership is None:
        membership = organizations.add_member(organization=invite.organization, user=user, role=invite.role)
    invite.accepted_at, invite.accepted_by = clock.now(), user
    invite.save(update_fields=["accepted_at", "accepted_by"])
    # The token was nowhere else but in the address's mail.
    addresses.prove(user, invite.email)
    audit.record(
        actor=user,
        verb="invite.accepted",
        object=invite,
        changes={"member": (None, user), "role": (None, membership.role)},
    )
    return membership


def _members(organization: Organization, email: str) -> Any:
    is_theirs = Q(user__email=email) | Q(
        user__emailaddress__email__iexact=email, user__emailaddress__verified=True
    )
    return Membership.objects.for_organization(organization).filter(is_theirs)


def _revoke(invite: Invite, actor: Actor | None) -> None:
    invite.revoked_at = clock.now()
    invite.save(update_fields=["revoked_at"])
    audit.record(actor=actor, verb="invite.revoked", object=invite)
