"""How much an organization may have of what.

A room declares its own in `limits.py`; the installation's staff may set another value for one organization.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from chatboost.core import audit, clock
from chatboost.core.errors import Conflict, ValidationFailed
from teams.models import (
    AccountState,
    ApiKey,
    ConnectedAccount,
    Invite,
    Membership,
    Organization,
    OrganizationLimit,
)

Count = Callable[[Organization], int]


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `label` is a plural, such as "flows"; a default of None means none."""

    name: str
    label: str
    default: int | None
    count: Count


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit an organization uses. A value of None means no limit."""

    name: str
    label: str
    used: int
    value: int | None


_limits: dict[str, Limit] = {}


def declare(name: str, label: str, default: int | None, count: Count) -> None:
    """Declare a limit, from a room's `limits.py`. Raises ValueError when the name is taken."""
    if name in _limits:
        raise ValueError(f"limit {name!r} is declared twice")
    _limits[name] = Limit(name, label, default, count)


def registered() -> Mapping[str, Limit]:
    """Return every limit by name."""
    return dict(_limits)


def check(organization: Organization, name: str, adding: int = 1) -> None:
    """Make sure that so many more may be added; nobody else adds any until the transaction ends.

    Raises: Conflict (`limit_reached`).
    """
    # The organization's row is the lock. NO KEY: rows that only point at it can be written meanwhile.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    limit, value = _limits[name], value_of(organization, name)
    if value is None:
        return
    used = limit.count(organization)
    if used + adding > value:
        raise Conflict(
            f"This organization may have {value:,} {limit.label}, and has {used:,}.", code="limit_reached"
        )


def value_of(organization: Organization, name: str) -> int | None:
    """Return an organization's limit; None means no limit."""
    own = OrganizationLimit.objects.for_organization(organization).filter(name=name)
    found = list(own.values_list("value", flat=True))
    return found[0] if found else _limits[name].default


def usage(organization: Organization) -> list[Usage]:
    """Return what an organization has of everything that is limited, by label. One query each, and one."""
    own = dict(OrganizationLimit.objects.for_organization(organization).values_list("name", "value"))
    return [
        Usage(limit.name, limit.label, limit.count(organization), own.get(limit.name, limit.default))
        for limit in sorted(_limits.values(), key=lambda limit: limit.label)
    ]


@transaction.atomic
def set_value(*, organization: Organization, name: str, value: int | None, actor: Any) -> None:
    """Give an organization a limit of its own; None means no limit. What is there already stays.

    Raises: ValidationFailed (`unknown_limit`).
    """
    if name not in _limits:
        message = f"There is no limit {name}."
        raise ValidationFailed(message, code="unknown_limit", errors={"name": [message]})
    before = value_of(organization, name)
    OrganizationLimit.objects.update_or_create(
        organization=organization, name=name, defaults={"value": value}
    )
    _note(organization, name, before, actor)


@transaction.atomic
def reset(*, organization: Organization, name: str, actor: Any) -> None:
    """Let the default count again."""
    before = value_of(organization, name)
    OrganizationLimit.objects.for_organization(organization).filter(name=name).delete()
    _note(organization, name, before, actor)


def _note(organization: Organization, name: str, before: int | None, actor: Any) -> None:
    after = value_of(organization, name)
    if before != after:
        audit.record(
            actor=actor,
            verb="limit.changed",
            object=organization,
            changes={name: (before, after)},
            organization_id=organization.pk,
        )


def _members(organization: Organization) -> int:
    """Count the members, and those who are asked in."""
    invites = Invite.objects.for_organization(organization).filter(
        accepted_at=None, revoked_at=None, expires_at__gt=clock.now()
    )
    return int(Membership.objects.for_organization(organization).count() + invites.count())


def _api_keys(organization: Organization) -> int:
    """Count the keys that work."""
    is_current = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    return int(ApiKey.objects.for_organization(organization).filter(is_current, revoked_at=None).count())


def _connected_accounts(organization: Organization) -> int:
    """Count the accounts that are not disconnected."""
    own = ConnectedAccount.objects.for_organization(organization)
    return int(own.exclude(state=AccountState.REVOKED).count())


declare("members", "members", 50, _members)
declare("api_keys", "API keys", 50, _api_keys)
declare("connected_accounts", "connected accounts", 20, _connected_accounts)
