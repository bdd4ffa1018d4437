"""Figures of an organization."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count

from chatboost.core import clock
from teams import limits
from teams.limits import Usage
from teams.models import Invite, Membership, Organization
from teams.roles import Role


@dataclass(frozen=True, slots=True)
class Statistics:
    """Who belongs to an organization, and how much it has of what is limited, by label."""

    members_by_role: Mapping[str, int]
    pending_invites: int
    usage: Sequence[Usage]

    @property
    def members(self) -> int:
        """How many members there are."""
        return sum(self.members_by_role.values())


def of_organization(organization: Organization) -> Statistics:
    """Return an organization's figures. Two queries, and those of `limits.usage`."""
    members = Membership.objects.for_organization(organization).order_by()
    counted = dict(members.values_list("role").annotate(count=Count("pk")))
    invites = Invite.objects.for_organization(organization).filter(
        accepted_at=None, revoked_at=None, expires_at__gt=clock.now()
    )
    return Statistics(
        members_by_role={role.value: counted.get(role.value, 0) for role in Role},
        pending_invites=invites.count(),
        usage=limits.usage(organization),
    )
