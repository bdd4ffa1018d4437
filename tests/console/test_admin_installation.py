"""Work and jobs of the installation itself, which is no organization's: for its staff."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from chatboost.core.models import AuditEntry, Job, WorkItem, WorkState
from teams.models import Organization, User
from teams.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db

BrowserOf = Callable[[User], Client]


@pytest.fixture
def staff(browser_of: BrowserOf, organization: Organization) -> Client:
    """Somebody of the staff who may only look in an organization of theirs."""
    person = factories.member(organization, Role.VIEWER)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    return browser_of(person)


def dead(organization_id: int) -> WorkItem:
    return WorkItem.objects.create(
        kind="test.gone", subject_id=1, organization_id=organization_id, queue="none", state=WorkState.DEAD
    )


def test_dead_work_has_a_page_for_staff_alone(staff: Client, browser: Client) -> None:
    page = reverse("admin:core_workitem_change", args=[dead(0).pk])
    assert (staff.get(page).status_code, browser.get(page).status_code) == (200, 404)
    listed = reverse("admin:core_workitem_changelist")
    assert [len(one.get(listed).context["cl"].result_list) for one in (staff, browser)] == [1, 0]


def test_dead_work_is_tried_again_by_staff_and_that_of_an_organization_by_its_roles(
    staff: Client, organization: Organization
) -> None:
    of_installation, of_organization = dead(0), dead(organization.pk)
    statuses = [
        staff.post(reverse("admin:core_workitem_action", args=[item.pk, "retry"])).status_code
        for item in (of_installation, of_organization)
    ]
    # A viewer does not even see an organization's work.
    assert statuses == [302, 404]
    of_installation.refresh_from_db()
    assert of_installation.state == WorkState.READY
    assert AuditEntry.objects.get(verb="work.retried").organization_id == 0


def test_job_has_a_page_for_staff_alone(staff: Client, browser: Client) -> None:
    job = Job.objects.create(organization_id=0, kind="test.job")
    page = reverse("admin:core_job_change", args=[job.pk])
    assert (staff.get(page).status_code, browser.get(page).status_code) == (200, 404)
