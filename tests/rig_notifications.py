"""People of the rig, and what they are told; run in a child of `tests.rig_parent`."""

import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth.hashers import make_password
from django.test import Client

from teams import notifications
from teams.models import Membership, Notification, NotificationType, Organization, Severity, User
from teams.roles import Role
from tests import factories
from tests.teams import inbox_rows

SLUG = "rig-people"


def seed_people(count: str) -> dict[str, Any]:
    """An organization with so many members; returns a session's cookie for each."""
    organization = factories.organization(name="People", slug=SLUG)
    password = make_password(None)
    users = User.objects.bulk_create(
        User(email=f"rig{number}@example.com", password=password) for number in range(int(count))
    )
    Membership.objects.bulk_create(
        Membership(organization=organization, user=user, role=Role.VIEWER) for user in users
    )
    return {"cookies": {str(user.pk): _session_of(user) for user in users}}


def tell_everybody(count: str, pause: str) -> dict[str, Any]:
    """Tell every viewer of the people's organization so many things, one by one."""
    organization = Organization.objects.get(slug=SLUG)
    users = list(User.objects.filter(memberships__organization=organization, memberships__role=Role.VIEWER))
    for number in range(int(count)):
        notifications.notify(
            organization=organization, type=NotificationType.SYSTEM, title=f"News {number}", users=users
        )
        time.sleep(float(pause))
    return told()


def tell_much(user_id: str, count: str) -> dict[str, Any]:
    """Tell one person so many long things, with nobody hearing of it."""
    titles = [f"News {number}" for number in range(int(count))]
    user, organization = User.objects.get(pk=user_id), Organization.objects.get(slug=SLUG)
    inbox_rows.tell(user, organization, *titles, body="x" * 2000, is_announced=False)
    return {"ids": list(Notification.objects.order_by("seq").values_list("id", flat=True))}


def told() -> dict[str, Any]:
    """Return the ids that each person was told, in their order."""
    found: dict[str, list[int]] = {}
    for user_id, id_ in Notification.objects.order_by("seq").values_list("user_id", "id"):
        found.setdefault(str(user_id), []).append(id_)
    return {"told": found}


def notify(email: str, title: str, severity: str, url: str) -> dict[str, Any]:
    """Tell one person something in their first organization."""
    user = User.objects.get(email=email)
    organization = user.memberships.order_by("id")[0].organization
    rows = notifications.notify(
        organization=organization,
        type=NotificationType.SYSTEM,
        severity=Severity(severity),
        title=title,
        url=url,
        users=[user],
    )
    return {"ids": [row.pk for row in rows]}


def _session_of(user: User) -> str:
    client = Client()
    client.force_login(user, factories.SIGN_IN)
    return client.cookies["sessionid"].value


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "seed_people": seed_people,
    "tell_everybody": tell_everybody,
    "tell_much": tell_much,
    "told": told,
    "notify": notify,
}
