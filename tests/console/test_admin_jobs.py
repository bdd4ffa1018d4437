"""Jobs in the console: how far they are, what they left, and cancelling them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from chatboost.core import jobs
from chatboost.core.models import File, FileState, Job, JobState, WorkItem
from chatboost.core.work.drain import drain
from teams.models import Organization, User
from tests import factories
from tests.core.job_kinds import Orders, obey

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def orders() -> Orders:
    return obey()


def begin(organization: Organization, actor: Any = None, rows: int = 5) -> Job:
    return jobs.start(organization_id=organization.pk, actor=actor, kind="test.rows", input={"rows": rows})


def running(organization: Organization, orders: Orders) -> Job:
    """A job that has done 2 of 5 and waits after an error."""
    orders.raise_at = {2}
    job = begin(organization)
    drain("maintenance")
    job.refresh_from_db()
    return job


def left(job: Job, permission: str = "core.view_file", **fields: Any) -> File:
    """A file that the job has left."""
    file = File.objects.create(
        organization_id=job.organization_id,
        purpose="jobs",
        permission=permission,
        path="nowhere",
        name="rows.csv",
        content_type="text/csv",
        size=2048,
        state=FileState.READY,
        **fields,
    )
    Job.objects.filter(pk=job.pk).update(result_file_uuid=file.uuid)
    return file


def page(name: str, *args: Any) -> str:
    return reverse(f"admin:core_job_{name}", args=args)


def shown(browser: Client, url: str) -> str:
    return browser.get(url).content.decode()


def test_list_names_the_job_who_started_it_and_how_far_it_is(
    browser: Client, organization: Organization, owner: User, orders: Orders
) -> None:
    job = running(organization, orders)
    Job.objects.update(actor_label=owner.email)
    html = shown(browser, page("changelist"))
    assert page("change", job.pk) in html
    assert all(words in html for words in ("Write rows", owner.email, "40%, 2 of 5", 'value="40" max="100"'))


def test_list_is_filtered_by_the_kinds_title(browser: Client, organization: Organization) -> None:
    begin(organization)
    html = shown(browser, page("changelist"))
    assert '<option value="test.file">Write a file</option>' in html
    rows = browser.get(page("changelist"), {"kind": "test.file"}).context["cl"].result_list
    assert list(rows) == []


def test_jobs_have_a_place_in_the_sidebar(viewer_browser: Client) -> None:
    assert page("changelist") in shown(viewer_browser, reverse("admin:index"))


def test_page_of_a_running_job_follows_it(
    browser: Client, organization: Organization, orders: Orders
) -> None:
    job = running(organization, orders)
    html = shown(browser, page("change", job.pk))
    assert f'data-topic="job:{job.pk}"' in html
    assert f'data-url="{page("progress", job.pk)}"' in html
    assert 'core/jobs.js" type="module"' in html


def test_page_of_a_job_that_has_ended_follows_nothing(browser: Client, organization: Organization) -> None:
    job = begin(organization, rows=1)
    drain("maintenance")
    assert "data-topic" not in shown(browser, page("change", job.pk))


def test_error_is_shown_in_words(browser: Client, organization: Organization, orders: Orders) -> None:
    orders.refuse_at = {0}
    job = begin(organization)
    drain("maintenance")
    assert "Row 0 is not for us." in shown(browser, page("change", job.pk))


def test_progress_alone_is_answered_once_until_it_changes(
    browser: Client, organization: Organization, orders: Orders
) -> None:
    job = running(organization, orders)
    first = browser.get(page("progress", job.pk))
    assert "40%, 2 of 5" in first.content.decode()
    again = {"HTTP_IF_NONE_MATCH": first["ETag"]}
    assert browser.get(page("progress", job.pk), **again).status_code == 304
    Job.objects.update(done_count=4)
    changed = browser.get(page("progress", job.pk), **again)
    assert (changed.status_code, "80%, 4 of 5" in changed.content.decode()) == (200, True)


def test_progress_of_other_organization_is_not_found(
    browser: Client, other_organization: Organization
) -> None:
    assert browser.get(page("progress", begin(other_organization).pk)).status_code == 404


def test_progress_is_for_members_only(
    browser_of: Callable[[User], Client], organization: Organization
) -> None:
    job = begin(organization)
    assert Client().get(page("progress", job.pk)).status_code == 302
    outsider = browser_of(factories.member(factories.organization()))
    assert outsider.get(page("progress", job.pk)).status_code == 404


def test_file_of_a_job_is_linked(browser: Client, organization: Organization) -> None:
    job = begin(organization)
    file = left(job)
    html = shown(browser, page("change", job.pk))
    assert f'href="/files/{file.uuid}"' in html
    assert "rows.csv" in html


@pytest.mark.parametrize("case", ["not for the role", "gone"])
def test_file_that_can_not_be_had_is_not_linked(
    case: str, viewer_browser: Client, organization: Organization
) -> None:
    job = begin(organization)
    file = left(job, permission="core.change_workitem")
    if case == "gone":
        file.delete()
    html = shown(viewer_browser, page("change", job.pk))
    assert f"/files/{file.uuid}" not in html
    assert "not there any more, or not for your role" in html


def test_waiting_job_is_cancelled_by_its_button(browser: Client, organization: Organization) -> None:
    job = begin(organization)
    answer = browser.post(page("action", job.pk, "cancel"))
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert [str(message) for message in get_messages(answer.wsgi_request)] == ["Cancelled."]


def test_running_job_says_that_it_will_end(
    browser: Client, organization: Organization, orders: Orders
) -> None:
    job = running(organization, orders)
    browser.post(page("action", job.pk, "cancel"))
    html = shown(browser, page("change", job.pk))
    assert "Ends before its next chunk." in html
    assert page("action", job.pk, "cancel") not in html


def test_job_that_ended_meanwhile_says_so(browser: Client, organization: Organization) -> None:
    job = begin(organization, rows=1)
    drain("maintenance")
    answer = browser.post(page("action", job.pk, "cancel"))
    assert "The job is done already." in [str(message) for message in get_messages(answer.wsgi_request)]


def test_viewer_sees_jobs_and_can_not_cancel_them(viewer_browser: Client, organization: Organization) -> None:
    job = begin(organization)
    assert page("action", job.pk, "cancel") not in shown(viewer_browser, page("change", job.pk))
    assert viewer_browser.post(page("action", job.pk, "cancel")).status_code == 403


def test_button_of_other_organizations_job_is_not_found(
    browser: Client, other_organization: Organization
) -> None:
    job = begin(other_organization)
    assert browser.post(page("action", job.pk, "cancel")).status_code == 404
    assert WorkItem.objects.filter(subject_id=job.pk).exists()
