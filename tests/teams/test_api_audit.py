"""GET /team/audit and POST /team/audit/export: found by person, thing, verb and time; own entries alone."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chatboost.core import audit, clock, files
from chatboost.core.models import AuditEntry, File, JobState
from chatboost.core.work.drain import drain
from teams.models import Organization, User
from teams.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

Entries = dict[str, AuditEntry]


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def person(organization: Organization) -> User:
    return factories.member(organization, Role.EDITOR)


@pytest.fixture
def noted(
    api: APIClient, organization: Organization, other_organization: Organization, person: User
) -> Entries:
    """Return one old entry by nobody, one of a person, one of a neighbour and one of the installation."""
    AuditEntry.objects.all().delete()
    bot = factories.bot(organization, name="=Pizza()")
    AuditEntry.objects.all().delete()
    old = audit.record(actor=None, verb="flow.published", organization_id=organization.pk)
    AuditEntry.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(days=40))
    return {
        "old": old,
        "own": audit.record(
            actor=person,
            verb="bot.changed",
            object=bot,
            changes={"name": ("=Pasta", "=Pizza()"), "access_token": ("one", "two")},
        ),
        "foreign": audit.record(actor=None, verb="bot.changed", organization_id=other_organization.pk),
        "installation": audit.record(actor=None, verb="bot.changed", organization_id=0),
    }


def verbs(api: APIClient, **query: Any) -> list[str]:
    response = api.get("/team/audit", query)
    assert response.status_code == 200, response.json()
    return [entry["verb"] for entry in response.json()["results"]]


def test_entries_are_the_organizations_own_newest_first(api: APIClient, noted: Entries, person: User) -> None:
    found = api.get("/team/audit/").json()["results"]
    assert [entry["id"] for entry in found] == [noted["own"].pk, noted["old"].pk]
    assert found[0] | {"created_at": ""} == {
        "id": noted["own"].pk,
        "actor_id": person.pk,
        "actor_label": noted["own"].actor_label,
        "verb": "bot.changed",
        "object_type": "messaging.bot",
        "object_id": noted["own"].object_id,
        "object_label": "=Pizza()",
        "changes": {"name": ["=Pasta", "=Pizza()"], "access_token": ["•••", "•••"]},
        "request_id": noted["own"].request_id,
        "created_at": "",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"verb": "bot.changed"}, ["bot.changed"]),
        ({"object_type": "messaging.bot"}, ["bot.changed"]),
        ({"object_id": "0"}, []),
        ({"search": "pizza"}, ["bot.changed"]),
        ({"actor": "system"}, ["flow.published"]),
        ({"created_before": "2001-01-01T00:00:00Z"}, []),
        ({"created_after": "2001-01-01T00:00:00Z"}, ["bot.changed", "flow.published"]),
    ],
)
def test_entries_are_narrowed(
    api: APIClient, noted: Entries, query: dict[str, str], found: list[str]
) -> None:
    assert verbs(api, **query) == found


def test_entries_of_a_person_and_of_a_thing_are_found(api: APIClient, noted: Entries, person: User) -> None:
    assert verbs(api, actor_id=person.pk) == ["bot.changed"]
    assert verbs(api, object_id=noted["own"].object_id) == ["bot.changed"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"actor_id": "x"}, "validation_failed"),
        ({"created_after": "soon"}, "validation_failed"),
        ({"ordering": "verb"}, "unknown_parameter"),
        ({"cursor": "x"}, "invalid_cursor"),
        ({"organization_id": "2"}, "unknown_parameter"),
    ],
)
def test_wrong_queries_are_refused(api: APIClient, noted: Entries, query: dict[str, str], code: str) -> None:
    response = api.get("/team/audit", query)
    assert (response.status_code, response.json()["code"]) == (400, code)


@pytest.mark.parametrize(("role", "status"), [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.EDITOR, 403)])
def test_log_asks_the_role(
    api_for: Callable[..., APIClient], organization: Organization, role: str, status: int
) -> None:
    client = api_for(organization, role=role)
    assert client.get("/team/audit").status_code == status
    exported = client.post("/team/audit/export", {"format": "csv"}, format="json")
    assert exported.status_code == (202 if status == 200 else 403)


def exported(api: APIClient, **filters: Any) -> list[dict[str, str]]:
    response = api.post("/team/audit/export", {"format": "csv", "filters": filters}, format="json")
    assert response.status_code == 202, response.json()
    drain("maintenance")
    job = api.get(response["Location"]).json()
    assert job["state"] == JobState.DONE, job
    with files.open(File.objects.get(uuid=job["result_file"].rstrip("/").rpartition("/")[2])) as stream:
        return list(csv.DictReader(io.StringIO(stream.read().decode("utf-8-sig"))))


def test_export_holds_the_own_entries_and_no_formula(api: APIClient, noted: Entries) -> None:
    rows = [row for row in exported(api) if row["verb"] != "export.started"]
    assert [row["verb"] for row in rows] == ["flow.published", "bot.changed"]
    assert rows[1]["object"] == "'=Pizza()"
    assert rows[1]["changes"] == '{"name": ["=Pasta", "=Pizza()"], "access_token": ["•••", "•••"]}'


def test_export_is_narrowed(api: APIClient, noted: Entries, person: User) -> None:
    assert [row["verb"] for row in exported(api, actor=person.email)] == ["bot.changed"]
    assert exported(api, created_before="2001-01-01T00:00:00Z") == []
