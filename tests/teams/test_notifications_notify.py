"""Telling people: the rows, their numbers, who is told and who is not."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from chatboost.core.models import WorkItem
from teams.models import (
    Inbox,
    Medium,
    Membership,
    Notification,
    NotificationPreference,
    NotificationType,
    Organization,
    Severity,
    User,
)
from teams.notifications import notify
from teams.roles import Role
from teams.services import organizations
from tests import factories
from tests.teams.notices import told

pytestmark = pytest.mark.django_db


def switch(user: User, organization: Organization, type: str, medium: str, is_enabled: bool) -> None:
    NotificationPreference.objects.create(
        organization=organization, user=user, type=type, medium=medium, is_enabled=is_enabled
    )


def crowd(organization: Organization, count: int) -> None:
    """Add so many members at once."""
    users = User.objects.bulk_create(
        User(email=f"crowd{number}@example.com", password="!") for number in range(count)
    )
    Membership.objects.bulk_create(
        Membership(organization=organization, user=user, role=Role.VIEWER) for user in users
    )


def test_everybody_who_holds_the_permission_is_told(organization: Organization) -> None:
    editor, viewer = (factories.member(organization, role) for role in (Role.EDITOR, Role.VIEWER))
    rows = told(organization, permission="core.view_workitem")
    assert {row.user_id for row in rows} >= {editor.pk}
    assert viewer.pk not in {row.user_id for row in rows}


def test_rows_say_what_was_told(organization: Organization, editor: User) -> None:
    bot = factories.bot(organization)
    (row,) = notify(
        organization=organization,
        type=NotificationType.LEAD,
        title="  A new\nlead ",
        body="Ada\x00 wants tea\r\nsoon",
        url="/admin/leads/1/",
        severity=Severity.SUCCESS,
        users=[editor],
        object=bot,
        dedupe_key="lead:1",
    )
    stored = Notification.objects.get()
    assert (row.pk, row.user_id, row.seq) == (stored.pk, stored.user_id, stored.seq)
    assert (stored.title, stored.body) == ("A new lead", "Ada wants tea\nsoon")
    assert (stored.url, stored.severity, stored.type) == ("/admin/leads/1/", "success", "lead")
    assert (stored.object_type, stored.object_id) == ("messaging.bot", str(bot.pk))
    assert (stored.organization_id, stored.user_id, stored.read_at) == (organization.pk, editor.pk, None)


def test_words_are_cut_at_their_limits(organization: Organization, editor: User) -> None:
    told(organization, users=[editor], title="t" * 500, body="b" * 5000)
    stored = Notification.objects.get()
    assert (len(stored.title), len(stored.body)) == (200, 2000)
    assert stored.title.endswith("…")
    assert stored.body.endswith("…")


@pytest.mark.parametrize(
    "mistake",
    [
        {"title": " \n"},
        {"url": "https://example.com/"},
        {"url": "//example.com"},
        {"url": "/\\example.com"},
        {"url": "javascript:alert(1)"},
        {"url": "/a\nb"},
        {"permission": "teams.nobody_has_declared"},
        {"users": [], "permission": "teams.view_notification"},
        {"users": None, "permission": None},
        {"dedupe_key": ""},
        {"type": "gossip"},
    ],
)
def test_a_callers_mistake_is_an_error(organization: Organization, mistake: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 the message differs
        told(organization, **{"permission": "teams.view_notification", "users": None} | mistake)


def test_numbers_count_up_for_each_person_across_organizations(
    organization: Organization, other_organization: Organization, editor: User
) -> None:
    organizations.add_member(organization=other_organization, user=editor, role=Role.VIEWER)
    told(organization, users=[editor])
    told(other_organization, users=[editor])
    other = factories.member(organization)
    told(organization, users=[editor, other])
    numbers = Notification.objects.filter(user=editor).order_by("id").values_list("seq", flat=True)
    assert list(numbers) == [1, 2, 3]
    assert Notification.objects.get(user=other).seq == 1
    assert Inbox.objects.get(user=editor).last_seq == 3


def test_strangers_and_the_inactive_are_left_out(
    organization: Organization, other_organization: Organization, editor: User
) -> None:
    stranger = factories.member(other_organization)
    gone = factories.member(organization)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    rows = told(organization, users=[editor, stranger, gone])
    assert [row.user_id for row in rows] == [editor.pk]


def test_nothing_is_said_in_the_name_of_an_inactive_organization(organization: Organization) -> None:
    Organization.objects.filter(pk=organization.pk).update(is_active=False)
    assert told(organization) == []


def test_a_key_tells_each_person_once(organization: Organization, editor: User) -> None:
    told(organization, users=[editor], dedupe_key="k")
    before = Inbox.objects.get(user=editor).last_seq
    newcomer = factories.member(organization)
    again = told(organization, users=[editor, newcomer], dedupe_key="k")
    assert [row.user_id for row in again] == [newcomer.pk]
    assert told(organization, users=[editor, newcomer], dedupe_key="k") == []
    assert Notification.objects.count() == 2
    assert Inbox.objects.get(user=editor).last_seq == before


def test_a_key_counts_in_its_organization_only(
    organization: Organization, other_organization: Organization, editor: User
) -> None:
    organizations.add_member(organization=other_organization, user=editor, role=Role.VIEWER)
    assert told(organization, users=[editor], dedupe_key="k")
    assert told(other_organization, users=[editor], dedupe_key="k")


def test_whoever_wants_no_medium_has_no_row(organization: Organization, editor: User) -> None:
    switch(editor, organization, "lead", "in_app", False)
    switch(editor, organization, "lead", "telegram", False)
    assert told(organization, users=[editor], type=NotificationType.LEAD) == []
    assert not Notification.objects.exists()


def test_whoever_wants_mail_alone_has_a_row_without_a_number(
    organization: Organization, editor: User
) -> None:
    switch(editor, organization, "incident", "in_app", False)
    (row,) = told(organization, users=[editor], type=NotificationType.INCIDENT)
    assert row.seq is None
    assert not Inbox.objects.filter(user=editor).exists()
    assert WorkItem.objects.filter(kind="teams.notification_mail", subject_id=row.pk).exists()


def test_preferences_of_another_organization_do_not_count(
    organization: Organization, other_organization: Organization, editor: User
) -> None:
    organizations.add_member(organization=other_organization, user=editor, role=Role.VIEWER)
    switch(editor, other_organization, "system", Medium.IN_APP, False)
    (row,) = told(organization, users=[editor])
    assert row.seq == 1


def test_a_rolled_back_caller_has_told_nobody(organization: Organization, editor: User) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        told(organization, users=[editor])
        _ = 1 / 0
    assert not Notification.objects.exists()
    assert not WorkItem.objects.exists()
    assert not Inbox.objects.filter(last_seq__gt=0).exists()


def test_inboxes_are_told_once_the_transaction_commits(
    organization: Organization,
    editor: User,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        told(organization, users=[editor], type=NotificationType.FLOW_EVENT)
    assert len(callbacks) == 1


@pytest.mark.parametrize("count", [1, 1000])
def test_number_of_queries_does_not_grow_with_the_people(organization: Organization, count: int) -> None:
    crowd(organization, count)
    told(organization, dedupe_key="first")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        rows = told(organization, dedupe_key="second")
    assert len(rows) == count + 1
    statements = [each["sql"] for each in queries if "SAVEPOINT" not in each["sql"]]
    assert len(statements) == 9, "\n".join(each[:100] for each in statements)
