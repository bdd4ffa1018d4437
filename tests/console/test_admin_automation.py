"""Flows, versions, executions, triggers and dead work in the console."""

import json
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.models import Bot
from flows.admin.examples import EXAMPLES
from flows.engine import registry
from flows.engine.kinds import target
from flows.models import ExecutionState, Flow, FlowVersion, Node
from teams.models import Organization
from teams.roles import Role
from tests import factories
from tests.console import rows
from triggers.models import Trigger, TriggerSet

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


@pytest.fixture
def flow(bot: Bot) -> Flow:
    return rows.flow(bot)


def browser_as(organization: Organization, role: Role) -> Client:
    client = Client()
    client.force_login(factories.member(organization, role), backend=factories.SIGN_IN)
    return client


def said(answer: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))  # type: ignore[attr-defined]


def page(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)


def flow_form(flow: Flow, *new: dict[str, str], **fields: str) -> dict[str, str]:
    """Return the form of a flow with its nodes as they are, then the new ones; `fields` come on top."""
    nodes = list(flow.nodes.order_by("number"))
    form = {"name": flow.name, "description": "", "is_active": "on"}
    form |= {"nodes-TOTAL_FORMS": str(len(nodes) + len(new)), "nodes-INITIAL_FORMS": str(len(nodes))}
    for place, node in enumerate(nodes):
        shown = {
            "id": node.pk,
            "flow": flow.pk,
            "number": node.number,
            "type": node.type,
            "label": node.label,
        }
        form |= {f"nodes-{place}-{name}": str(value) for name, value in shown.items()}
        form[f"nodes-{place}-config"] = json.dumps(node.config)
    for place, node_fields in enumerate(new, start=len(nodes)):
        form |= {f"nodes-{place}-{name}": value for name, value in node_fields.items()}
    return {**form, **fields}


NEW_NODE = {"number": "", "type": "send_message", "label": "Bye", "config": json.dumps(rows.NODE)}


def test_new_flow_is_saved_for_its_bot(browser: Client, bot: Bot) -> None:
    fields = {
        "name": "Order",
        "bot": str(bot.pk),
        "is_active": "on",
        "nodes-TOTAL_FORMS": "0",
        "nodes-INITIAL_FORMS": "0",
    }
    browser.post(page("flows_flow_add"), fields)
    assert Flow.objects.get().bot == bot


def test_new_node_takes_the_next_number_and_counts_as_a_change(browser: Client, flow: Flow) -> None:
    before = flow.revision
    browser.post(page("flows_flow_change", flow.pk), flow_form(flow, NEW_NODE))
    flow.refresh_from_db()
    assert (flow.nodes.get(label="Bye").number, flow.revision > before) == (1, True)


def test_config_that_is_no_json_comes_back_as_typed(browser: Client, flow: Flow) -> None:
    fields = flow_form(flow, **{"nodes-0-config": '{"content": oops'})
    shown = browser.post(page("flows_flow_change", flow.pk), fields).content.decode()
    assert "Enter a valid JSON." in shown
    assert "{&quot;content&quot;: oops" in shown


def test_config_is_shown_indented(browser: Client, flow: Flow) -> None:
    shown = browser.get(page("flows_flow_change", flow.pk)).content.decode()
    assert "{\n  &quot;message_type&quot;: &quot;text&quot;" in shown


def test_number_that_is_taken_is_refused_beside_the_form(browser: Client, flow: Flow) -> None:
    twice = [{**NEW_NODE, "number": "7"}, {**NEW_NODE, "number": "7"}]
    browser.post(page("flows_flow_change", flow.pk), flow_form(flow, *twice))
    assert not flow.nodes.filter(number=7).exists()


def test_deleted_node_is_removed(browser: Client, flow: Flow) -> None:
    browser.post(page("flows_flow_change", flow.pk), flow_form(flow, **{"nodes-0-DELETE": "on"}))
    assert not flow.nodes.exists()


def test_publishing_freezes_the_draft(browser: Client, flow: Flow) -> None:
    flow.nodes.update(config={**rows.NODE, "content": {"text": "Changed"}})
    answer = browser.post(page("flows_flow_action", flow.pk, "publish"))
    flow.refresh_from_db()
    assert "Version 2 is published" in said(answer)
    assert flow.published_version is not None
    assert flow.published_version.spec["nodes"][0]["config"]["content"] == {"text": "Changed"}


def test_draft_with_errors_is_not_published_and_says_why(browser: Client, flow: Flow) -> None:
    flow.nodes.update(config={"message_type": "text", "content": {}})
    answer = browser.post(page("flows_flow_action", flow.pk, "publish"))
    assert "nodes.0.content.text" in said(answer)
    assert flow.versions.count() == 1


def test_page_lists_the_problems_of_the_draft(browser: Client, flow: Flow) -> None:
    flow.nodes.update(config={"message_type": "text", "content": {}})
    shown = browser.get(page("flows_flow_change", flow.pk)).content.decode()
    assert "1 error" in shown
    assert "<code>content.text</code>" in shown


def test_validating_counts_the_problems(browser: Client, flow: Flow) -> None:
    assert "Nothing is wrong" in said(browser.post(page("flows_flow_action", flow.pk, "validate")))


@pytest.mark.parametrize("name", ["publish", "validate"])
def test_opening_the_address_of_a_button_changes_nothing(name: str, browser: Client, flow: Flow) -> None:
    assert browser.get(page("flows_flow_action", flow.pk, name)).status_code == 405


def test_button_that_does_not_exist_is_not_found(browser: Client, flow: Flow) -> None:
    assert browser.post(page("flows_flow_action", flow.pk, "delete_model")).status_code == 404


def test_button_of_a_row_of_another_organization_is_not_found(
    browser: Client, other_organization: Organization
) -> None:
    foreign = rows.flow(factories.bot(other_organization))
    assert browser.post(page("flows_flow_action", foreign.pk, "publish")).status_code == 404


def test_agent_may_not_publish(organization: Organization, flow: Flow) -> None:
    agent = browser_as(organization, Role.AGENT)
    assert agent.post(page("flows_flow_action", flow.pk, "publish")).status_code == 403
    assert "/do/publish/" not in agent.get(page("flows_flow_change", flow.pk)).content.decode()


def test_older_version_is_published_again(browser: Client, flow: Flow) -> None:
    first = flow.versions.get()
    flow.nodes.update(config={**rows.NODE, "content": {"text": "Changed"}})
    browser.post(page("flows_flow_action", flow.pk, "publish"))
    browser.post(page("flows_flowversion_action", first.pk, "roll_back"))
    assert FlowVersion.objects.get(number=3).spec == first.spec
    assert Node.objects.get(flow=flow).config == rows.NODE


def test_execution_is_cancelled(browser: Client, organization: Organization) -> None:
    conversation = rows.open_conversation(organization)
    execution = rows.execution(rows.flow(conversation.bot), conversation, state=ExecutionState.WAITING_INPUT)
    browser.post(page("flows_execution_action", execution.pk, "cancel"))
    execution.refresh_from_db()
    assert execution.state == ExecutionState.CANCELLED


def test_execution_that_has_ended_is_not_cancelled(browser: Client, organization: Organization) -> None:
    conversation = rows.open_conversation(organization)
    execution = rows.execution(rows.flow(conversation.bot), conversation)
    assert "has ended" in said(browser.post(page("flows_execution_action", execution.pk, "cancel")))


def test_headers_of_a_delivery_are_never_shown(browser: Client, organization: Organization) -> None:
    made = rows.one_of_each(organization)
    delivery = next(row for row in made.values() if row._meta.model_name == "webhookdelivery")
    assert b"secret-header" not in browser.get(page("flows_webhookdelivery_change", delivery.pk)).content


@pytest.mark.parametrize("kind", sorted(registry.default.names()))
def test_every_node_kind_has_examples_that_are_right(kind: str) -> None:
    node = registry.default.get(kind)
    assert node is not None
    assert kind in EXAMPLES
    for _, config in EXAMPLES[kind]:
        assert node.check(config) == []
        assert {
            name: target(config, name) for name in node.exits if name not in config and name == "next"
        } == {}


def trigger_form(bot: Bot, flow: Flow, **fields: str) -> dict[str, str]:
    form = {"name": "Greeting", "bot": str(bot.pk), "flow": str(flow.pk), "is_active": "on", "priority": "0"}
    return {**form, "keywords": "hello\n  hi \n\nسلام", "match_type": "exact", **fields}


def test_keywords_are_one_on_each_line(browser: Client, bot: Bot, flow: Flow) -> None:
    browser.post(page("triggers_trigger_add"), trigger_form(bot, flow))
    trigger = Trigger.objects.get()
    assert trigger.keywords == ["hello", "hi", "سلام"]
    assert (
        "hello\nhi\nسلام</textarea>"
        in browser.get(page("triggers_trigger_change", trigger.pk)).content.decode()
    )


def test_saved_trigger_is_compiled_anew_everywhere(browser: Client, bot: Bot, flow: Flow) -> None:
    browser.post(page("triggers_trigger_add"), trigger_form(bot, flow))
    browser.post(
        page("triggers_trigger_change", Trigger.objects.get().pk), trigger_form(bot, flow, keywords="hey")
    )
    assert TriggerSet.objects.get(bot=bot).version == 2


def test_pattern_that_does_not_compile_is_refused_beside_it(browser: Client, bot: Bot, flow: Flow) -> None:
    answer = browser.post(
        page("triggers_trigger_add"), trigger_form(bot, flow, keywords="(", match_type="regex")
    )
    assert "keywords" in answer.context["adminform"].form.errors
    assert not Trigger.objects.exists()


def test_flow_of_another_bot_is_refused(browser: Client, bot: Bot, organization: Organization) -> None:
    other = rows.flow(factories.bot(organization))
    answer = browser.post(page("triggers_trigger_add"), trigger_form(bot, other))
    assert "flow" in answer.context["adminform"].form.errors


def test_flow_of_another_organization_is_no_choice(
    browser: Client, bot: Bot, other_organization: Organization
) -> None:
    foreign = rows.flow(factories.bot(other_organization))
    answer = browser.post(page("triggers_trigger_add"), trigger_form(bot, foreign))
    assert "flow" in answer.context["adminform"].form.errors


def test_trigger_with_a_keyword_of_another_is_saved_with_a_warning(
    browser: Client, bot: Bot, flow: Flow
) -> None:
    browser.post(page("triggers_trigger_add"), trigger_form(bot, flow, name="First"))
    answer = browser.post(page("triggers_trigger_add"), trigger_form(bot, flow, name="Second"))
    assert "“First”" in said(answer)


def test_trigger_is_switched_off_and_on(browser: Client, bot: Bot, flow: Flow) -> None:
    trigger = Trigger.objects.create(
        organization_id=bot.organization_id, bot=bot, flow=flow, name="Hi", keywords=["hi"]
    )
    states = []
    for name in ("switch_off", "switch_on"):
        browser.post(page("triggers_trigger_action", trigger.pk, name))
        trigger.refresh_from_db()
        states.append(trigger.is_active)
    assert states == [False, True]


def dead_item(organization: Organization, **fields: Any) -> WorkItem:
    fields.setdefault("state", WorkState.DEAD)
    return WorkItem.objects.create(
        kind="messaging.send",
        subject_id=1,
        organization_id=organization.pk,
        queue="interactive",
        error_count=8,
        **fields,
    )


def test_dead_work_is_tried_again(browser: Client, organization: Organization) -> None:
    item = dead_item(organization)
    browser.post(page("core_workitem_action", item.pk, "retry"))
    item.refresh_from_db()
    assert (item.state, item.error_count) == (WorkState.READY, 0)


@pytest.mark.parametrize(("name", "words"), [("retry", "is back in line"), ("discard", "is discarded")])
def test_dead_work_that_was_seen_to_leads_back_to_the_list(
    browser: Client, organization: Organization, name: str, words: str
) -> None:
    item = dead_item(organization)
    answer = browser.post(page("core_workitem_action", item.pk, name), follow=True)
    assert answer.redirect_chain == [(page("core_workitem_changelist"), 302)]
    assert answer.status_code == 200
    assert words in said(answer)


@pytest.mark.parametrize("name", ["retry", "discard"])
def test_work_that_is_not_dead_is_left_and_said_so(
    browser: Client, organization: Organization, name: str
) -> None:
    item = dead_item(organization, state=WorkState.SCHEDULED)
    answer = browser.post(page("core_workitem_action", item.pk, name), follow=True)
    assert "is not dead" in said(answer)
    assert WorkItem.objects.get().state == WorkState.SCHEDULED


def test_selected_dead_work_is_tried_again(
    browser: Client, organization: Organization, other_organization: Organization
) -> None:
    own, foreign = dead_item(organization), dead_item(other_organization)
    waiting = dead_item(organization, state=WorkState.SCHEDULED)
    chosen = [own.pk, foreign.pk, waiting.pk]
    fields = {"action": "retry_selected", "_selected_action": chosen, "index": "0"}
    confirmed = {"select_across": "1", "confirmed": "1", "ids": ",".join(map(str, chosen))}
    answer = browser.post(page("core_workitem_changelist"), fields | confirmed, follow=True)
    assert "1 work item done" in said(answer)
    states = [WorkItem.objects.get(pk=pk).state for pk in chosen]
    assert states == [WorkState.READY, WorkState.DEAD, WorkState.SCHEDULED]


def test_dead_work_that_waits_again_already_is_merged(browser: Client, organization: Organization) -> None:
    item = dead_item(organization, dedupe_key="same")
    twin = dead_item(organization, state=WorkState.READY, dedupe_key="same")
    browser.post(page("core_workitem_action", item.pk, "retry"))
    assert list(WorkItem.objects.all()) == [twin]


def test_editor_may_look_at_dead_work_and_not_retry(organization: Organization) -> None:
    item, editor = dead_item(organization), browser_as(organization, Role.EDITOR)
    assert editor.get(page("core_workitem_change", item.pk)).status_code == 200
    assert editor.post(page("core_workitem_action", item.pk, "retry")).status_code == 403
