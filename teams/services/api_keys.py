"""API keys: made, shown once, found, revoked."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db import transaction
from django.db.models import Q

from chatboost.core import audit, clock
from chatboost.core.errors import Forbidden, ValidationFailed
from teams import limits, roles
from teams.models import ApiKey, Organization, User
from teams.roles import Role
from teams.services import reach

# Writing the time of each use would make every read a write.
LAST_USED_PACE = timedelta(minutes=1)


class Actor(Protocol):
    """Whoever makes a key: a user or another key."""

    def has_perm(self, perm: str, obj: Organization) -> bool:
        """Tell whether the actor holds a permission in an organization."""


@transaction.atomic
def create(
    *,
    organization: Organization,
    name: str,
    role: str = Role.EDITOR,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
    actor: Actor | None = None,
) -> tuple[ApiKey, str]:
    """Create a key; returns it with its text, which can't be shown again. No actor means the installation.

    Raises: ValidationFailed (`unknown_scope`, `expiry_in_the_past`), Forbidden (`beyond_your_role`), Conflict
        (`limit_reached`).
    """
    _check_scopes(role, scopes)
    _check_expiry(expires_at)
    if not reach.holds(actor, organization, scopes or roles.permissions_of(role)):
        raise Forbidden("A key can't hold more than you do.", code="beyond_your_role")
    limits.check(organization, "api_keys")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(
        organization=organization,
        name=name,
        prefix=prefix,
        secret_hash=_digest(secret),
        role=role,
        scopes=list(scopes),
        expires_at=expires_at,
        created_by=actor if isinstance(actor, User) else None,
    )
    key.full_clean()
    key.save()
    made = {"role": (None, role), "scopes": (None, list(scopes)), "expires_at": (None, expires_at)}
    audit.record(actor=actor, verb="api_key.created", object=key, changes=made)
    return key, f"cb_{prefix}_{secret}"


def find(text: str) -> ApiKey | None:
    """Return the live key with this text; notes its use, at most once a minute."""
    marker, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    if marker != "cb" or not secret:
        return None
    now = clock.now()
    key: ApiKey | None = live().filter(prefix=prefix).select_related("organization").first()
    if key is None or not hmac.compare_digest(key.secret_hash, _digest(secret)):
        return None
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_PACE:
        ApiKey.objects.for_organization(key.organization).filter(pk=key.pk).update(last_used_at=now)
    return key


def live() -> Any:
    """Return the keys that work now, of whichever organization: a key is found before its organization is."""
    is_current = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    return ApiKey.objects.across_organizations().filter(
        is_current, revoked_at=None, organization__is_active=True
    )


@transaction.atomic
def revoke(key: ApiKey, *, actor: Actor | None = None) -> None:
    """End a key at once. Doing it twice changes nothing."""
    live = ApiKey.objects.for_organization(key.organization_id).filter(pk=key.pk, revoked_at=None)
    if live.update(revoked_at=clock.now()):
        audit.record(actor=actor, verb="api_key.revoked", object=key)


def _check_scopes(role: str, scopes: Sequence[str]) -> None:
    unknown = [scope for scope in scopes if not roles.allows(role, scope)]
    if unknown:
        message = f"The role {role} does not hold: {', '.join(unknown)}"
        raise ValidationFailed(message, code="unknown_scope", errors={"scopes": [message]})


def _check_expiry(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= clock.now():
        message = "The expiry lies in the past."
        raise ValidationFailed(message, code="expiry_in_the_past", errors={"expires_at": [message]})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
