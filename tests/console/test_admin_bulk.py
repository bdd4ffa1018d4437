"""Actions on many rows: asked first, by role, through services, said row by row, and as a job when many."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from chatboost.console.site import site
from chatboost.core.admin import bulk
from chatboost.core.models import AuditEntry, Job, JobState, WorkItem, WorkState
from chatboost.core.work.drain import drain
from chatboost.messaging.models import Contact, Conversation
from flows.models import Flow
from teams.models import ApiKey, Organization, User
from teams.roles import Role
from teams.services import api_keys
from tests import factories
from tests.console import rows
from triggers.models import Trigger

pytestmark = pytest.mark.django_db


def address(name: str) -> str:
    return reverse(f"admin:{name}_changelist")


def ask(browser: Client, name: str, action: str, ids: list[int], **fields: Any) -> HttpResponse:
    """Choose rows in a list, and an action."""
    told = {"action": action, "_selected_action": ids, "select_across": "0", "index": "0", **fields}
    return browser.post(address(name), told)


def confirm(browser: Client, name: str, action: str, ids: list[int]) -> HttpResponse:
    """Say yes to the question."""
    told = {"action": action, "_selected_action": ids[:1], "select_across": "1", "index": "0"}
    return browser.post(address(name), told | {"confirmed": "1", "ids": ",".join(map(str, ids))})


def said(answer: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))  # type: ignore[attr-defined]


def contacts(organization: Organization, count: int) -> list[int]:
    return [factories.contact(organization).pk for _ in range(count)]


def test_action_asks_first_and_changes_nothing(browser: Client, organization: Organization) -> None:
    ids = contacts(organization, 12)
    answer = ask(browser, "messaging_contact", "erase_selected", ids)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Erase: 12 contacts" in text
    assert "and 2 more" in text
    assert Contact.objects.filter(erased_at=None).count() == 12


def test_confirmed_action_is_done_and_noted(browser: Client, organization: Organization, owner: User) -> None:
    ids = contacts(organization, 3)
    answer = confirm(browser, "messaging_contact", "erase_selected", ids[:2])
    assert answer.status_code == 302
    assert list(Contact.objects.filter(erased_at=None).values_list("pk", flat=True)) == ids[2:]
    entries = AuditEntry.objects.filter(verb="contact.erased")
    assert [(entry.actor_id, entry.organization_id) for entry in entries] == [(owner.pk, organization.pk)] * 2
    assert "Erase: 2 contacts done" in said(answer)


def test_rows_of_others_are_left_alone(
    browser: Client, organization: Organization, other_organization: Organization
) -> None:
    foreign = contacts(other_organization, 1)
    confirm(browser, "messaging_contact", "erase_selected", [*contacts(organization, 1), *foreign])
    assert Contact.objects.get(pk=foreign[0]).erased_at is None


def test_everything_that_matches_is_asked_about(browser: Client, organization: Organization) -> None:
    ids = contacts(organization, 60)
    Contact.objects.filter(pk__in=ids[:55]).update(language="pt")
    told = {"action": "erase_selected", "_selected_action": ids[:1], "select_across": "1", "index": "0"}
    answer = browser.post(f"{address('messaging_contact')}?language__exact=pt", told)
    assert "Erase: 55 contacts" in answer.content.decode()


def test_rows_that_stopped_matching_are_left_alone(browser: Client, organization: Organization) -> None:
    changed, same = contacts(organization, 2)
    Contact.objects.filter(pk=same).update(language="pt")
    told = {"action": "erase_selected", "_selected_action": [same], "select_across": "1", "index": "0"}
    told |= {"confirmed": "1", "ids": f"{changed},{same}"}
    browser.post(f"{address('messaging_contact')}?language__exact=pt", told)
    assert list(Contact.objects.filter(erased_at=None).values_list("pk", flat=True)) == [changed]


@pytest.mark.parametrize("words", ["", "x,--1,1e3,²", "9" * 30])
def test_ids_that_are_none_do_no_harm(words: str, browser: Client, organization: Organization) -> None:
    ids = contacts(organization, 1)
    told = {"action": "erase_selected", "_selected_action": ids, "select_across": "1", "index": "0"}
    answer = browser.post(address("messaging_contact"), told | {"confirmed": "1", "ids": words})
    assert answer.status_code == 302
    assert Contact.objects.filter(erased_at=None).count() == 1


def test_action_by_get_does_nothing(browser: Client, organization: Organization) -> None:
    ids = contacts(organization, 1)
    browser.get(address("messaging_contact"), {"action": "erase_selected", "_selected_action": ids[0]})
    assert Contact.objects.get(pk=ids[0]).erased_at is None


def test_action_without_permission_is_neither_offered_nor_done(
    browser_of: Callable[[User], Client], organization: Organization
) -> None:
    ids = contacts(organization, 1)
    agent = browser_of(factories.member(organization, Role.AGENT))
    assert b"erase_selected" not in agent.get(address("messaging_contact")).content
    confirm(agent, "messaging_contact", "erase_selected", ids)
    assert Contact.objects.get(pk=ids[0]).erased_at is None


def test_refused_row_is_named_and_the_others_are_done(browser: Client, organization: Organization) -> None:
    bot = factories.bot(organization)
    good, bad = rows.flow(bot, "Good"), rows.flow(bot, "Bad")
    Flow.objects.filter(pk__in=[good.pk, bad.pk]).update(published_version=None)
    bad.nodes.update(config={})
    answer = confirm(browser, "flows_flow", "publish_selected", [bad.pk, good.pk])
    assert "Publish: 1 flow done" in said(answer)
    assert "Bad: " in said(answer)
    assert [Flow.objects.get(pk=flow.pk).published_version is None for flow in (good, bad)] == [False, True]


def test_row_that_is_that_way_already_counts_as_unchanged(
    browser: Client, organization: Organization
) -> None:
    made = rows.one_of_each(organization)
    trigger: Any = made[Trigger]
    answer = confirm(browser, "triggers_trigger", "switch_on_selected", [trigger.pk])
    assert "1 trigger left as before" in said(answer)
    assert not AuditEntry.objects.filter(verb="trigger.activated").exists()


def test_unforeseen_error_takes_everything_back(organization: Organization, owner: User) -> None:
    first, second = (Contact.objects.get(pk=pk) for pk in contacts(organization, 2))

    def run(contact: Contact, actor: Any) -> None:
        if contact.pk == second.pk:
            raise RuntimeError("no memory")
        Contact.objects.filter(pk=contact.pk).update(first_name="Changed")

    action = bulk.BulkAction(name="x", label="X", permission="x.y", confirm="", run=run)
    with pytest.raises(RuntimeError):
        bulk.apply(action, [first, second], owner)
    assert not Contact.objects.filter(first_name="Changed").exists()


def test_more_rows_than_a_person_waits_for_are_a_job(
    browser: Client, organization: Organization, owner: User
) -> None:
    ids = contacts(organization, bulk.AT_ONCE + 5)
    answer = confirm(browser, "messaging_contact", "erase_selected", ids)
    job = Job.objects.get()
    assert answer["Location"] == reverse("admin:core_job_change", args=[job.pk])
    assert Contact.objects.filter(erased_at=None).count() == len(ids)
    drain("maintenance")
    job.refresh_from_db()
    assert (job.state, job.done_count, job.failed_count) == (JobState.DONE, len(ids), 0)
    assert job.result["done"] == len(ids)
    assert not Contact.objects.filter(erased_at=None).exists()
    assert AuditEntry.objects.filter(verb="contact.erased", actor_id=owner.pk).count() == len(ids)


def test_job_of_somebody_who_lost_the_role_stops(
    browser: Client, organization: Organization, owner: User
) -> None:
    ids = contacts(organization, bulk.AT_ONCE + 1)
    confirm(browser, "messaging_contact", "erase_selected", ids)
    owner.memberships.update(role=Role.VIEWER)
    drain("maintenance")
    assert Job.objects.get().state == JobState.FAILED
    assert Contact.objects.filter(erased_at=None).count() == len(ids)


def test_job_leaves_rows_of_others_alone(
    organization: Organization, other_organization: Organization, owner: User
) -> None:
    foreign = contacts(other_organization, 1)
    job = bulk.jobs.start(
        organization_id=organization.pk,
        actor=owner,
        kind=bulk.JOB_KIND,
        input={"model": "messaging.contact", "action": "erase_selected", "ids": foreign, "title": ""},
    )
    drain("maintenance")
    job.refresh_from_db()
    assert job.state == JobState.DONE
    assert Contact.objects.get(pk=foreign[0]).erased_at is None


@pytest.mark.parametrize("is_still_staff", [True, False])
def test_job_does_rows_of_the_installation_for_its_staff(
    browser: Client, owner: User, is_still_staff: bool
) -> None:
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    given = {"kind": "test.x", "queue": "none", "state": WorkState.DEAD, "organization_id": 0}
    dead = [WorkItem.objects.create(subject_id=number, **given).pk for number in range(bulk.AT_ONCE + 1)]
    confirm(browser, "core_workitem", "discard_selected", dead)
    User.objects.filter(pk=owner.pk).update(is_staff=is_still_staff)
    drain("maintenance")
    assert WorkItem.objects.filter(pk__in=dead).exists() != is_still_staff


def test_bots_of_conversations_are_paused_and_resumed(browser: Client, organization: Organization) -> None:
    ids = [rows.open_conversation(organization).pk for _ in range(2)]
    confirm(browser, "messaging_conversation", "pause_selected", ids)
    assert Conversation.objects.filter(is_bot_paused=True).count() == 2
    confirm(browser, "messaging_conversation", "resume_selected", ids[:1])
    assert list(Conversation.objects.filter(is_bot_paused=True).values_list("pk", flat=True)) == ids[1:]


def test_keys_are_revoked(browser: Client, organization: Organization) -> None:
    made = [api_keys.create(organization=organization, name=str(number))[0].pk for number in range(2)]
    confirm(browser, "teams_apikey", "revoke_selected", made)
    assert not ApiKey.objects.filter(revoked_at=None).exists()


def test_every_bulk_action_asks_in_words(browser: Client, organization: Organization) -> None:
    made = rows.one_of_each(organization)
    asked = {}
    for model, row in made.items():
        for action in getattr(site._registry.get(model), "bulk_actions", ()):
            opts = model._meta
            answer = ask(browser, f"{opts.app_label}_{opts.model_name}", action.name, [row.pk])
            asked[f"{opts.label}.{action.name}"] = str(action.confirm) in answer.content.decode()
    assert len(asked) > 12
    assert [name for name, is_asked in asked.items() if not is_asked] == []
