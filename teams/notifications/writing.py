"""Telling people: one row a person with the next number of their inbox, then whatever carries it further."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Model

from chatboost.core import clock, live
from chatboost.core.db import rows
from teams.models import Inbox, Medium, Notification, NotificationType, Organization, Severity, User
from teams.notifications import media, preferences, recipients, texts

MAX_KEY = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is to be told, to whomever. `object` is what it is about; it may be erased one day."""

    organization: Organization
    type: NotificationType
    title: str
    body: str = ""
    url: str = ""
    severity: Severity = Severity.INFO
    object: Model | None = None
    dedupe_key: str | None = None

    def columns(self) -> dict[str, Any]:
        """Return what all of its rows have in common. Raises: ValueError for what can't be told."""
        if self.dedupe_key is not None and not 0 < len(self.dedupe_key) <= MAX_KEY:
            raise ValueError(f"a dedupe key has 1 to {MAX_KEY} characters")
        return {
            "organization_id": self.organization.pk,
            "type": NotificationType(self.type).value,
            "severity": Severity(self.severity).value,
            "title": texts.title(self.title),
            "body": texts.body(self.body),
            "url": texts.path(self.url),
            "object_type": self.object._meta.label_lower if self.object is not None else "",
            "object_id": str(self.object.pk) if self.object is not None else "",
            "dedupe_key": self.dedupe_key,
        }


def notify(
    *,
    organization: Organization,
    type: NotificationType,
    title: str,
    body: str = "",
    url: str = "",
    severity: Severity = Severity.INFO,
    users: Iterable[User] | None = None,
    permission: str | None = None,
    object: Model | None = None,
    dedupe_key: str | None = None,
) -> list[Notification]:
    """Tell people something, in the caller's transaction; returns the new rows, in order of their users.

    Give either `users` or a `permission`, which means every active member who holds it; whoever is no active
    member is left out. `url` is a path of the console. With a `dedupe_key` each person is told once in the
    organization, however often this is called. Ten queries or so, whatever the number of people.

    The inboxes stay locked until the transaction ends: make it the last thing in it.

    Raises: ValueError for a mistake of the caller's.
    """
    news = News(
        organization=organization,
        type=type,
        title=title,
        body=body,
        url=url,
        severity=severity,
        object=object,
        dedupe_key=dedupe_key,
    )
    return tell(news, users=users, permission=permission)


@transaction.atomic
def tell(
    news: News,
    *,
    users: Iterable[User] | None = None,
    permission: str | None = None,
    without: Collection[Medium] = (),
    only_by: Collection[Medium] | None = None,
) -> list[Notification]:
    """Do what `notify` does; `without` some media, or `only_by` some, whatever people prefer."""
    if (users is None) == (permission is None):
        raise ValueError("name either users or a permission")
    shared = news.columns()
    told = (
        recipients.holding(news.organization, permission or "")
        if users is None
        else recipients.among(news.organization, users)
    )
    told = _not_yet_told(news, told)
    wanted = _wanted_media(news, told, without, only_by)
    if not wanted:
        return []
    made = _insert(shared, wanted, _take_numbers([each for each in wanted if Medium.IN_APP in wanted[each]]))
    media.carry(news.organization, made, wanted)
    if reached := [row.user_id for row in made if row.seq is not None]:
        live.told(reached)
    return made


def _not_yet_told(news: News, user_ids: Collection[int]) -> list[int]:
    """Leave out whom the key says have been told. The constraint decides a race; this spares the locks."""
    if news.dedupe_key is None or not user_ids:
        return list(user_ids)
    told = Notification.objects.for_organization(news.organization).filter(dedupe_key=news.dedupe_key)
    known = set(told.values_list("user_id", flat=True))
    return [user_id for user_id in user_ids if user_id not in known]


def _wanted_media(
    news: News, user_ids: Collection[int], without: Collection[Medium], only_by: Collection[Medium] | None
) -> dict[int, set[Medium]]:
    """Return the media of each person who is to be told by any."""
    if not user_ids:
        return {}
    if only_by is not None:
        return {user_id: set(only_by) for user_id in user_ids} if only_by else {}
    chosen = preferences.media_of(news.organization, user_ids, news.type)
    left = {user_id: chosen[user_id] - set(without) for user_id in user_ids}
    return {user_id: found for user_id, found in left.items() if found}


def _take_numbers(user_ids: Collection[int]) -> dict[int, int]:
    """Return the next number of each person's inbox, and hold the inboxes until the transaction ends."""
    if not user_ids:
        return {}
    inboxes = Inbox.objects.filter(user_id__in=user_ids)
    known = set(inboxes.values_list("user_id", flat=True))
    if missing := [user_id for user_id in user_ids if user_id not in known]:
        # Before the locks, so that those are taken in one order.
        Inbox.objects.bulk_create((Inbox(user_id=user_id) for user_id in missing), ignore_conflicts=True)
    locked = inboxes.select_for_update().order_by("user_id")
    numbers = {user_id: last + 1 for user_id, last in locked.values_list("user_id", "last_seq")}
    inboxes.update(last_seq=F("last_seq") + 1)
    return numbers


def _insert(
    shared: Mapping[str, object], wanted: Mapping[int, set[Medium]], numbers: Mapping[int, int]
) -> list[Notification]:
    """Write the rows in one statement. Whom another transaction has told meanwhile is left out."""
    now = clock.now()
    columns = [
        {
            **shared,
            "user_id": user_id,
            "seq": numbers.get(user_id),
            "created_at": rows.moment(now),
            "read_at": None,
        }
        for user_id in sorted(wanted)
    ]
    is_keyed = shared["dedupe_key"] is not None
    written = rows.insert(
        Notification,
        columns,
        on_conflict=rows.ON_CONFLICT_DO_NOTHING if is_keyed else "",
        returning=("id", "user_id"),
    )
    ids = {user_id: id_ for id_, user_id in written}
    return [
        _loaded(ids[user_id], {**shared, "user_id": user_id, "seq": numbers.get(user_id), "created_at": now})
        for user_id in sorted(ids)
    ]


def _loaded(id_: int, values: Mapping[str, object]) -> Notification:
    row = Notification(id=id_, **values)
    row._state.adding, row._state.db = False, "default"
    return row
