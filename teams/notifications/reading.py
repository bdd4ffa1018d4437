"""What a person does with their own notifications: read, unread, removed. Other pages hear of it."""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import Q

from chatboost.core import clock, live
from teams.models import Organization, User
from teams.selectors import inbox


def mark_read(organization: Organization, user: User, ids: Collection[int] | None = None) -> int:
    """Mark some of the person's notifications read, or all of them; returns how many were not."""
    return _write(user, _own(organization, user, ids).filter(read_at=None), read_at=clock.now())


def mark_unread(organization: Organization, user: User, ids: Collection[int]) -> int:
    """Mark some of the person's notifications unread; returns how many were not."""
    return _write(user, _own(organization, user, ids).exclude(read_at=None), read_at=None)


@transaction.atomic
def remove(organization: Organization, user: User, ids: Collection[int] | None = None) -> int:
    """Remove some of the person's notifications, or all of them; returns how many there were.

    One with a dedupe key leaves an empty row behind for as long as notifications are kept: it remembers that
    its person was told. So does one about an object: by it the mail is found, should the object be erased.
    """
    own = _own(organization, user, ids)
    says_nothing = Q(dedupe_key=None, object_id="")
    count = own.exclude(says_nothing).update(seq=None, title="", body="", url="", read_at=clock.now())
    count += own.filter(says_nothing).delete()[0]
    if count:
        live.told([user.pk], is_new=False)
    return count


@transaction.atomic
def _write(user: User, rows: Any, **values: Any) -> int:
    count: int = rows.update(**values)
    if count:
        live.told([user.pk], is_new=False)
    return count


def _own(organization: Organization, user: User, ids: Collection[int] | None) -> Any:
    own = inbox.of_user(user.pk, organization)
    return own if ids is None else own.filter(pk__in=ids)
