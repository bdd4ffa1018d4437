"""/notifications: the caller's own, in the request's organization."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chatboost.core import clock
from chatboost.core.models import AuditEntry, WorkItem
from teams.models import Notification, NotificationPreference, NotificationType, Organization, Severity, User
from teams.roles import Role
from teams.services import organizations, telegram
from tests import factories
from tests.fakes.telegram import CHAT, TOKEN
from tests.teams.notices import told

pytestmark = pytest.mark.django_db

Bearer = Callable[[User], APIClient]


@pytest.fixture
def person(organization: Organization) -> User:
    return factories.member(organization, Role.VIEWER)


@pytest.fixture
def client(bearer: Bearer, person: User) -> APIClient:
    return bearer(person)


@pytest.fixture
def tell(organization: Organization, person: User) -> Callable[..., Notification]:
    """Tell the caller something: `tell("title", type=…)`."""

    def make(title: str = "News", **fields: Any) -> Notification:
        return told(organization, users=[person], title=title, **fields)[0]

    return make


def titles(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [row["title"] for row in answer.json()["results"]]


@pytest.mark.parametrize("path", ["/notifications", "/notifications/"])
def test_list_has_the_latest_first(client: APIClient, tell: Any, path: str) -> None:
    first, second = tell("first"), tell("second", url="/admin/", severity=Severity.WARNING)
    answer = client.get(path)
    assert titles(answer) == ["second", "first"]
    row = answer.json()["results"][0]
    assert row == {
        "id": second.pk,
        "cursor": second.seq,
        "type": "system",
        "severity": "warning",
        "title": "second",
        "body": "",
        "url": "/admin/",
        "is_read": False,
        "read_at": None,
        "created_at": row["created_at"],
    }
    assert second.seq == first.seq + 1


def test_list_goes_on_by_its_cursor(client: APIClient, tell: Any) -> None:
    for number in range(5):
        tell(f"n{number}")
    page = client.get("/notifications/?limit=2")
    assert titles(page) == ["n4", "n3"]
    assert titles(client.get(page.json()["next"])) == ["n2", "n1"]
    assert client.get("/notifications/?cursor=nonsense").json()["code"] == "invalid_cursor"


def test_list_is_narrowed_by_filters(client: APIClient, tell: Any, organization: Organization) -> None:
    tell("old")
    Notification.objects.update(created_at=clock.now() - timedelta(days=3), read_at=clock.now())
    tell("lead", type=NotificationType.LEAD, severity=Severity.ERROR)
    yesterday = (clock.now() - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert titles(client.get("/notifications/?type=lead")) == ["lead"]
    assert titles(client.get("/notifications/?severity=error")) == ["lead"]
    assert titles(client.get("/notifications/?is_read=true")) == ["old"]
    assert titles(client.get("/notifications/?is_read=false")) == ["lead"]
    assert titles(client.get(f"/notifications/?created_before={yesterday}")) == ["old"]
    assert titles(client.get(f"/notifications/?created_after={yesterday}")) == ["lead"]


@pytest.mark.parametrize(
    "query", ["type=gossip", "is_read=1", "created_after=soon", "severity=", "colour=red"]
)
def test_list_refuses_what_it_does_not_know(client: APIClient, query: str) -> None:
    assert client.get(f"/notifications/?{query}").status_code == 400


def test_unread_and_by_type_list_theirs(client: APIClient, tell: Any) -> None:
    tell("read")
    Notification.objects.update(read_at=clock.now())
    tell("lead", type=NotificationType.LEAD)
    assert titles(client.get("/notifications/unread")) == ["lead"]
    assert titles(client.get("/notifications/by-type/system")) == ["read"]
    assert client.get("/notifications/by-type/gossip").status_code == 404


def test_count_and_summary_count(client: APIClient, tell: Any) -> None:
    tell("a")
    Notification.objects.update(read_at=clock.now())
    tell("b")
    tell("c", type=NotificationType.LEAD)
    assert client.get("/notifications/count").json() == {"total_count": 3, "unread_count": 2}
    summary = client.get("/notifications/summary").json()
    assert (summary["total_count"], summary["unread_count"]) == (3, 2)
    assert summary["by_type"] == [
        {"type": "lead", "total_count": 1, "unread_count": 1},
        {"type": "system", "total_count": 2, "unread_count": 1},
    ]
    assert [row["title"] for row in summary["latest"]] == ["c", "b", "a"]


def test_stats_count_by_day_and_type(client: APIClient, tell: Any) -> None:
    tell("ancient")
    Notification.objects.update(created_at=clock.now() - timedelta(days=31))
    tell("old")
    Notification.objects.filter(title="old").update(created_at=clock.now() - timedelta(days=2))
    tell("new")
    stats = client.get("/notifications/stats").json()
    today = clock.now().date()
    assert stats["until"] == today.isoformat()
    assert stats["since"] == (today - timedelta(days=29)).isoformat()
    assert stats["days"] == [
        {"date": (today - timedelta(days=2)).isoformat(), "type": "system", "total_count": 1},
        {"date": today.isoformat(), "type": "system", "total_count": 1},
    ]


def test_read_marks_one_and_doing_it_twice_changes_nothing(client: APIClient, tell: Any) -> None:
    row, other = tell("a"), tell("b")
    first = client.put(f"/notifications/{row.pk}/read").json()
    assert first["is_read"]
    assert client.put(f"/notifications/{row.pk}/read").json() == first
    other.refresh_from_db()
    assert other.read_at is None


def test_read_all_and_clear_tell_how_many(client: APIClient, tell: Any) -> None:
    tell("a")
    tell("b")
    assert client.put("/notifications/read-all").json() == {"count": 2}
    assert client.put("/notifications/read-all").json() == {"count": 0}
    assert client.delete("/notifications/clear").json() == {"count": 2}
    assert titles(client.get("/notifications/")) == []


def test_delete_removes_one(client: APIClient, tell: Any) -> None:
    row = tell("a")
    tell("b")
    assert client.delete(f"/notifications/{row.pk}").status_code == 204
    assert client.delete(f"/notifications/{row.pk}").status_code == 404
    assert titles(client.get("/notifications/")) == ["b"]


def test_what_was_removed_is_not_told_again_under_its_key(
    client: APIClient, tell: Any, organization: Organization, person: User
) -> None:
    row = tell("secret", body="words", dedupe_key="k")
    assert client.delete(f"/notifications/{row.pk}").status_code == 204
    assert told(organization, users=[person], dedupe_key="k") == []
    left = Notification.objects.get()
    assert (left.seq, left.title, left.body) == (None, "", "")
    assert client.put(f"/notifications/{row.pk}/read").status_code == 404


@pytest.mark.parametrize(
    ("action", "is_there", "is_read"),
    [("read", True, True), ("unread", True, False), ("delete", False, False)],
)
def test_bulk_action_acts_on_own_ones_alone(
    client: APIClient, tell: Any, organization: Organization, action: str, is_there: bool, is_read: bool
) -> None:
    mine, elses = tell("mine"), told(organization, users=[factories.member(organization)])[0]
    if action == "unread":
        Notification.objects.update(read_at=clock.now())
    body = {"action": action, "ids": [mine.pk, elses.pk, 999999]}
    assert client.post("/notifications/bulk-action", body, format="json").json() == {"count": 1}
    found = Notification.objects.filter(pk=mine.pk).first()
    assert (found is not None) is is_there
    assert found is None or (found.read_at is not None) is is_read
    untouched = Notification.objects.get(pk=elses.pk)
    assert (untouched.read_at is not None) is (action == "unread")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "burn", "ids": [1]},
        {"action": "read", "ids": []},
        {"action": "read", "ids": "1"},
        {"action": "read", "ids": ["1"]},
        {"action": "read", "ids": [0]},
        {"action": "read", "ids": [1] * 501},
        {"action": "read", "ids": [1], "force": True},
    ],
)
def test_bulk_action_refuses_wrong_bodies(client: APIClient, body: Any) -> None:
    answer = client.post("/notifications/bulk-action", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")


def test_preferences_show_every_type_with_its_defaults(client: APIClient) -> None:
    shown = client.get("/notifications/preferences").json()
    assert set(shown) == set(NotificationType.values)
    assert shown["incident"] == {"in_app": True, "email": True, "telegram": True}
    assert shown["message_status"] == {"in_app": True, "email": False, "telegram": False}


def test_preferences_change_in_part_and_are_kept_only_where_they_differ(
    client: APIClient, person: User
) -> None:
    changed = client.put("/notifications/preferences", {"lead": {"email": True}}, format="json")
    assert changed.status_code == 200
    assert changed.json()["lead"] == {"in_app": True, "email": True, "telegram": True}
    assert changed.json() == client.get("/notifications/preferences").json()
    row = NotificationPreference.objects.get()
    assert (row.user_id, row.type, row.medium, row.is_enabled) == (person.pk, "lead", "email", True)
    entry = AuditEntry.objects.get(verb="notification_preferences.changed")
    assert entry.changes == {"lead.email": [False, True]}
    back = client.put("/notifications/preferences", {"lead": {"email": False}}, format="json").json()
    assert back["lead"]["email"] is False
    assert not NotificationPreference.objects.exists()


def test_preferences_take_back_what_they_gave(client: APIClient) -> None:
    whole = client.get("/notifications/preferences").json()
    assert client.put("/notifications/preferences", whole, format="json").json() == whole
    assert not NotificationPreference.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"gossip": {"email": True}},
        {"lead": {"pigeon": True}},
        {"lead": {"email": "yes"}},
        {"lead": {"email": 1}},
        {"lead": True},
        {"lead": None},
        [],
    ],
)
def test_preferences_refuse_wrong_bodies(client: APIClient, body: Any) -> None:
    assert client.put("/notifications/preferences", body, format="json").status_code == 400


def test_test_tells_the_caller_by_the_media_asked_for(
    client: APIClient, organization: Organization, person: User
) -> None:
    answer = client.post("/notifications/test", {"media": ["in_app", "email"]}, format="json")
    assert answer.status_code == 201, answer.json()
    row = Notification.objects.get(user=person)
    assert (answer.json()["id"], answer.json()["cursor"]) == (row.pk, row.seq)
    assert WorkItem.objects.get().kind == "teams.notification_mail"
    assert client.post("/notifications/test", {}, format="json").json()["cursor"] == row.seq + 1
    assert client.post("/notifications/test", {"media": ["email"]}, format="json").json()["cursor"] is None


def test_test_by_telegram_needs_a_chat(client: APIClient, organization: Organization, settings: Any) -> None:
    # The installation's is not everybody's.
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = TOKEN, CHAT
    body = {"media": ["telegram"]}
    refused = client.post("/notifications/test", body, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_telegram_chat")
    telegram.save(organization=organization, bot_token=TOKEN, chat_id=CHAT, actor=None)
    assert client.post("/notifications/test", body, format="json").status_code == 201
    assert WorkItem.objects.get().kind == "teams.telegram"


def test_tests_are_limited(client: APIClient) -> None:
    codes = [client.post("/notifications/test", {}, format="json").status_code for _ in range(11)]
    assert codes == [201] * 10 + [429]


@pytest.mark.parametrize(
    "body", [{"media": []}, {"media": ["pigeon"]}, {"media": "email"}, {"type": "x"}, {"to": 1}]
)
def test_test_refuses_wrong_bodies(client: APIClient, body: Any) -> None:
    assert client.post("/notifications/test", body, format="json").status_code == 400


ROUTES = [
    ("get", "/notifications/"),
    ("get", "/notifications/unread"),
    ("get", "/notifications/count"),
    ("get", "/notifications/summary"),
    ("get", "/notifications/stats"),
    ("get", "/notifications/by-type/lead"),
    ("put", "/notifications/1/read"),
    ("put", "/notifications/read-all"),
    ("delete", "/notifications/1"),
    ("delete", "/notifications/clear"),
    ("get", "/notifications/preferences"),
    ("put", "/notifications/preferences"),
    ("post", "/notifications/bulk-action"),
    ("post", "/notifications/test"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_api_key_is_nobody(api: APIClient, method: str, path: str) -> None:
    answer = getattr(api, method)(path, {}, format="json") if method != "get" else api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "user_required")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_credentials_there_is_nothing(db: None, method: str, path: str) -> None:
    assert getattr(APIClient(), method)(path).status_code == 401


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_answers_with_and_without_a_slash(client: APIClient, method: str, path: str) -> None:
    bodies = {"/notifications/bulk-action": {"action": "read", "ids": [1]}}
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    answers = [
        getattr(client, method)(each, bodies.get(path, {}), format="json")
        if method in ("put", "post")
        else getattr(client, method)(each)
        for each in (path, other)
    ]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].status_code in (200, 201, 204) or answers[0].json()["code"] == "not_found"


@pytest.mark.parametrize("owner", ["colleague", "other organization"])
def test_somebody_elses_is_not_there(
    client: APIClient,
    organization: Organization,
    other_organization: Organization,
    person: User,
    owner: str,
) -> None:
    if owner == "colleague":
        (row,) = told(organization, users=[factories.member(organization)])
    else:
        organizations.add_member(organization=other_organization, user=person, role=Role.VIEWER)
        (row,) = told(other_organization, users=[person])
        client.credentials(**client._credentials, HTTP_X_ORGANIZATION=organization.slug)
    assert titles(client.get("/notifications/")) == []
    assert client.put(f"/notifications/{row.pk}/read").status_code == 404
    assert client.delete(f"/notifications/{row.pk}").status_code == 404
    assert client.put("/notifications/read-all").json() == {"count": 0}
    assert client.delete("/notifications/clear").json() == {"count": 0}
    row.refresh_from_db()
    assert row.read_at is None
