"""What people want to be told by which medium: defaults here, rows only where somebody differs."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction

from chatboost.core import audit
from teams.models import Medium, Membership, NotificationPreference, NotificationType, Organization, User

Matrix = Mapping[str, Mapping[str, bool]]

ON_BY_DEFAULT: Mapping[Medium, Collection[NotificationType]] = {
    Medium.IN_APP: frozenset(NotificationType),
    # Mail is for what somebody must not miss, or is asked personally.
    Medium.EMAIL: {
        NotificationType.INCIDENT,
        NotificationType.MENTION,
        NotificationType.BOOKING,
        NotificationType.SYSTEM,
    },
    # The chat is read by many: what happens to the organization, not to one of its people.
    Medium.TELEGRAM: {
        NotificationType.CAMPAIGN,
        NotificationType.BATCH,
        NotificationType.LEAD,
        NotificationType.BOOKING,
        NotificationType.INCIDENT,
        NotificationType.SYSTEM,
    },
}


def default(type: str, medium: str) -> bool:
    """Tell whether a medium is on for a type until somebody switches it."""
    return type in ON_BY_DEFAULT[Medium(medium)]


def media_of(organization: Organization, user_ids: Collection[int], type: str) -> dict[int, set[Medium]]:
    """Return the media by which each of these people wants to hear of a type. One query."""
    wanted = {medium for medium in Medium if default(type, medium)}
    found = {user_id: set(wanted) for user_id in user_ids}
    own = NotificationPreference.objects.for_organization(organization).filter(
        user_id__in=user_ids, type=type
    )
    for user_id, medium, is_enabled in own.values_list("user_id", "medium", "is_enabled"):
        change = found[user_id].add if is_enabled else found[user_id].discard
        change(Medium(medium))
    return found


def matrix(organization: Organization, user: User) -> dict[str, dict[str, bool]]:
    """Return every type with every medium, on or off, for one person. One query."""
    shown = {
        type.value: {medium.value: default(type, medium) for medium in Medium} for type in NotificationType
    }
    for row in NotificationPreference.objects.for_organization(organization).filter(user=user):
        shown[row.type][row.medium] = row.is_enabled
    return shown


@transaction.atomic
def change(
    *, organization: Organization, user: User, wanted: Matrix, actor: Any
) -> dict[str, dict[str, bool]]:
    """Switch what is named, leave the rest as it is; returns the whole matrix.

    `wanted` maps types to media to on or off, all of them known words.
    """
    # Two tabs that save at once would each write the same row: one after the other they don't.
    Membership.objects.for_organization(organization).select_for_update().filter(user=user).first()
    before = matrix(organization, user)
    switched = {
        (type, medium): is_on
        for type, media in wanted.items()
        for medium, is_on in media.items()
        if before[type][medium] != is_on
    }
    own = NotificationPreference.objects.for_organization(organization).filter(user=user)
    for (type, medium), is_on in switched.items():
        if is_on == default(type, medium):
            own.filter(type=type, medium=medium).delete()
        else:
            own.create(organization=organization, user=user, type=type, medium=medium, is_enabled=is_on)
    if switched:
        changes = {f"{type}.{medium}": (not is_on, is_on) for (type, medium), is_on in switched.items()}
        audit.record(
            actor=actor,
            verb="notification_preferences.changed",
            object=user,
            changes=changes,
            organization_id=organization.pk,
        )
    return matrix(organization, user)
