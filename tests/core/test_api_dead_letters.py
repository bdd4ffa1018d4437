"""/dead-letters/: listed with their reasons, tried again, discarded; each act in the audit log."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from chatboost.core.models import AttemptOutcome, AuditEntry, WorkAttempt, WorkItem, WorkState
from teams.models import Organization
from teams.roles import Role

pytestmark = pytest.mark.django_db


def entries() -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(verb__startswith="work.")


def dead(organization: Organization, **fields: Any) -> WorkItem:
    fields.setdefault("state", WorkState.DEAD)
    item = WorkItem.objects.create(
        kind="messaging.send",
        subject_id=1,
        organization_id=organization.pk,
        queue="interactive",
        error_count=8,
        last_error="it never worked",
        **fields,
    )
    WorkAttempt.objects.create(
        item_id=item.pk,
        organization_id=organization.pk,
        kind=item.kind,
        outcome=AttemptOutcome.DIED,
        error="it never worked",
    )
    return item


def test_list_shows_reason_and_tries(api: APIClient, organization: Organization) -> None:
    item = dead(organization)
    dead(organization, state=WorkState.READY)
    [row] = api.get("/dead-letters/").json()["results"]
    assert (row["id"], row["last_error"]) == (item.pk, "it never worked")
    assert [attempt["outcome"] for attempt in row["attempts"]] == ["died"]


def test_list_costs_the_same_for_one_as_for_many(api: APIClient, organization: Organization) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert api.get("/dead-letters/").status_code == 200
        return len(captured)

    dead(organization)
    api.get("/dead-letters/")
    one = queries()
    for _ in range(5):
        dead(organization)
    assert queries() == one


def test_retry_puts_it_back_in_line(api: APIClient, organization: Organization) -> None:
    item = dead(organization)
    assert api.post(f"/dead-letters/{item.pk}/retry").status_code == 204
    item.refresh_from_db()
    assert (item.state, item.error_count) == (WorkState.READY, 0)
    assert entries().get().verb == "work.retried"


def test_discard_removes_it_and_keeps_why_in_the_audit_log(
    api: APIClient, organization: Organization
) -> None:
    item = dead(organization)
    assert api.post(f"/dead-letters/{item.pk}/discard").status_code == 204
    assert not WorkItem.objects.exists()
    entry = entries().get()
    assert (entry.verb, entry.object_id) == ("work.discarded", str(item.pk))
    assert entry.changes["last_error"][0] == "it never worked"


def test_twenty_are_tried_again_at_once_with_an_entry_each(
    api: APIClient, organization: Organization, other_organization: Organization
) -> None:
    ids = [dead(organization).pk for _ in range(20)]
    foreign = dead(other_organization)
    answer = api.post("/dead-letters/", {"action": "retry", "ids": [*ids, foreign.pk]}, format="json")
    assert answer.json() == {"count": 20}
    assert AuditEntry.objects.filter(verb="work.retried").count() == 20
    foreign.refresh_from_db()
    assert foreign.state == WorkState.DEAD


@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_foreign_and_living_items_are_not_found(
    api: APIClient, organization: Organization, other_organization: Organization, verb: str
) -> None:
    for item in (dead(other_organization), dead(organization, state=WorkState.READY)):
        assert api.post(f"/dead-letters/{item.pk}/{verb}").status_code == 404
    assert not entries().exists()


def test_key_that_may_retry_only_discards_nothing(
    api_for: Callable[..., APIClient], organization: Organization
) -> None:
    client = api_for(organization, scopes=["core.view_workitem", "core.change_workitem"])
    item = dead(organization)
    for answer in (
        client.post("/dead-letters/", {"action": "discard", "ids": [item.pk]}, format="json"),
        client.post(f"/dead-letters/{item.pk}/discard"),
    ):
        assert (answer.status_code, WorkItem.objects.filter(pk=item.pk).exists()) == (403, True)
    assert client.post("/dead-letters/", {"action": "retry", "ids": [item.pk]}, format="json").json() == {
        "count": 1
    }


def test_editor_sees_and_may_not_touch(api_for: Callable[..., APIClient], organization: Organization) -> None:
    editor, item = api_for(organization, role=Role.EDITOR), dead(organization)
    assert editor.get(f"/dead-letters/{item.pk}").status_code == 200
    assert editor.post(f"/dead-letters/{item.pk}/retry").status_code == 403
    assert (
        editor.post("/dead-letters/", {"action": "discard", "ids": [item.pk]}, format="json").status_code
        == 403
    )


@pytest.mark.parametrize("body", [{}, {"action": "burn", "ids": [1]}, {"action": "retry", "ids": []}])
def test_malformed_bulk_is_refused(api: APIClient, body: dict[str, Any]) -> None:
    assert api.post("/dead-letters/", body, format="json").status_code == 400
