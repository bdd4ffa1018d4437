"""/jobs/: what runs for the organization, how far it is, and cancelling it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from chatboost.core import jobs
from chatboost.core.models import Job, JobState
from chatboost.core.work.drain import drain
from teams.models import ApiKey, Organization, User
from teams.principals import ApiKeyPrincipal
from teams.roles import Role
from tests import factories
from tests.core.job_kinds import Orders, obey

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def orders() -> Orders:
    return obey()


def begin(organization: Organization, actor: Any = None, rows: int = 5, kind: str = "test.rows") -> Job:
    return jobs.start(organization_id=organization.pk, actor=actor, kind=kind, input={"rows": rows})


def listed(client: APIClient, **filters: str) -> list[int]:
    return [row["id"] for row in client.get("/jobs/", filters).json()["results"]]


@pytest.mark.parametrize("slash", ["", "/"])
def test_job_is_answered_with_everything_about_it(
    slash: str, api: APIClient, organization: Organization
) -> None:
    job = begin(organization, rows=4)
    drain("maintenance")
    answer = api.get(f"/jobs/{job.pk}{slash}").json()
    times = {name: answer.pop(name) for name in ("created_at", "started_at", "finished_at")}
    assert all(times.values())
    assert answer == {
        "id": job.pk,
        "kind": "test.rows",
        "title": "Write rows",
        "state": "done",
        "total_count": 4,
        "done_count": 4,
        "failed_count": 0,
        "progress": 1.0,
        "result": {},
        "result_file": None,
        "error_file": None,
        "error": "",
        "is_cancel_requested": False,
        "actor_label": "",
    }


def test_files_of_a_job_are_addresses(api: APIClient, organization: Organization, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://chat.example.com"
    job, made, refused = begin(organization), uuid4(), uuid4()
    Job.objects.update(result_file_uuid=made, error_file_uuid=refused)
    answer = api.get(f"/jobs/{job.pk}").json()
    assert answer["result_file"] == f"https://chat.example.com/files/{made}"
    assert answer["error_file"] == f"https://chat.example.com/files/{refused}"


def test_progress_is_unknown_before_the_first_chunk(api: APIClient, organization: Organization) -> None:
    assert api.get(f"/jobs/{begin(organization).pk}").json()["progress"] is None


def test_job_of_a_removed_room_is_called_by_its_kind(api: APIClient, organization: Organization) -> None:
    job = begin(organization)
    Job.objects.update(kind="test.removed")
    assert api.get(f"/jobs/{job.pk}").json()["title"] == "test.removed"


def test_list_is_the_organizations_newest_first(
    api: APIClient, organization: Organization, other_organization: Organization
) -> None:
    first, second = begin(organization), begin(organization)
    begin(other_organization)
    assert listed(api) == [second.pk, first.pk]


def test_list_is_filtered_by_state_and_kind(api: APIClient, organization: Organization) -> None:
    done = begin(organization, rows=1)
    drain("maintenance")
    waiting = begin(organization, kind="test.file")
    assert listed(api, state="done") == [done.pk]
    assert listed(api, kind="test.file") == [waiting.pk]
    assert api.get("/jobs/", {"state": "lost"}).status_code == 400


def test_mine_is_what_a_user_has_started(organization: Organization, editor: User) -> None:
    browser = APIClient()
    browser.force_login(editor, backend=factories.SIGN_IN)
    mine, other = begin(organization, editor), begin(organization, factories.member(organization))
    assert listed(browser, mine="true") == [mine.pk]
    assert listed(browser, mine="false") == [other.pk, mine.pk]


def test_mine_is_what_an_api_key_has_started(
    api_for: Callable[..., APIClient], organization: Organization
) -> None:
    one, other = api_for(organization), api_for(organization)
    keys = [ApiKeyPrincipal(key) for key in ApiKey.objects.order_by("id")]
    started = [begin(organization, key).pk for key in keys]
    assert [listed(one, mine="true"), listed(other, mine="true")] == [[started[0]], [started[1]]]


def test_list_asks_no_more_questions_for_more_jobs(api: APIClient, organization: Organization) -> None:
    begin(organization)
    few = _questions(api)
    for _ in range(5):
        begin(organization)
    assert _questions(api) == few


def _questions(api: APIClient) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert api.get("/jobs/").status_code == 200
    return len([query for query in captured.captured_queries if "core_job" in query["sql"]])


@pytest.mark.parametrize(("method", "path"), [("get", "/jobs/{}"), ("post", "/jobs/{}/cancel")])
def test_job_of_other_organization_is_not_found(
    method: str, path: str, api: APIClient, other_organization: Organization
) -> None:
    job = begin(other_organization)
    answer = getattr(api, method)(path.format(job.pk))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    job.refresh_from_db()
    assert job.state == JobState.QUEUED


def test_waiting_job_is_cancelled(api: APIClient, organization: Organization) -> None:
    answer = api.post(f"/jobs/{begin(organization).pk}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


def test_running_job_is_asked_to_end(api: APIClient, organization: Organization, orders: Orders) -> None:
    orders.raise_at = {2}
    job = begin(organization)
    drain("maintenance")
    answer = api.post(f"/jobs/{job.pk}/cancel/").json()
    assert (answer["state"], answer["is_cancel_requested"]) == ("running", True)
    drain("maintenance")
    assert api.get(f"/jobs/{job.pk}").json()["state"] == "cancelled"


def test_job_that_has_ended_conflicts(api: APIClient, organization: Organization) -> None:
    job = begin(organization, rows=1)
    drain("maintenance")
    answer = api.post(f"/jobs/{job.pk}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")


@pytest.mark.parametrize(("role", "expected"), [(Role.VIEWER, 403), (Role.AGENT, 200)])
def test_cancelling_asks_for_the_permission(
    role: Role, expected: int, api_for: Callable[..., APIClient], organization: Organization
) -> None:
    client, job = api_for(organization, role=role), begin(organization)
    assert client.get(f"/jobs/{job.pk}").status_code == 200
    assert client.post(f"/jobs/{job.pk}/cancel").status_code == expected


@pytest.mark.parametrize(
    ("method", "path"), [("get", "/jobs/"), ("get", "/jobs/1"), ("post", "/jobs/1/cancel")]
)
def test_anonymous_is_unauthorised(method: str, path: str) -> None:
    assert getattr(Client(), method)(path).status_code == 401


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_jobs_are_not_changed_by_hand(method: str, api: APIClient, organization: Organization) -> None:
    assert getattr(api, method)(f"/jobs/{begin(organization).pk}").status_code == 405
