"""Flows: drafts, versions, publishing, rollback."""

import pytest

from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.messaging.models import Bot
from flows.engine.problems import Severity
from flows.models import Flow, FlowVersion
from flows.services import flows
from teams.models import Organization
from tests import factories
from tests.flows import talking
from tests.flows.engine_runs import ask, send


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


def test_add_node_without_number_takes_the_next_from_zero(bot: Bot) -> None:
    flow = talking.draft(bot)
    _, config = send("Hi")

    numbers = [flows.add_node(flow=flow, type="send_message", config=config).number for _ in range(2)]
    flows.add_node(flow=flow, type="send_message", config=config, number=10)
    numbers.append(flows.add_node(flow=flow, type="send_message", config=config).number)

    assert numbers == [0, 1, 11]


def test_add_node_with_a_taken_number_is_a_conflict_and_adds_nothing(bot: Bot) -> None:
    flow = talking.draft(bot, send("Hi"))

    with pytest.raises(Conflict) as refusal:
        flows.add_node(flow=flow, type="send_message", config={}, number=0)

    assert refusal.value.code == "node_number_taken"
    assert flow.nodes.count() == 1


def test_add_node_of_an_unknown_type_is_refused(bot: Bot) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        flows.add_node(flow=talking.draft(bot), type="teleport", config={})

    assert refusal.value.code == "unknown_node_type"
    assert "send_message" in refusal.value.errors["type"][0]


def test_add_node_beyond_the_limit_is_refused(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "MAX_NODES", 1)
    flow = talking.draft(bot, send("Hi"))

    with pytest.raises(ValidationFailed) as refusal:
        flows.add_node(flow=flow, type="wait", config={})

    assert refusal.value.code == "too_many_nodes"


def test_every_change_of_the_draft_counts_a_revision(bot: Bot) -> None:
    flow = talking.draft(bot)
    before = Flow.objects.get(pk=flow.pk).revision

    node = flows.add_node(flow=flow, type="send_message", config=send("Hi")[1])
    node.label = "Greeting"
    flows.save_node(node)
    flows.delete_node(node)

    assert Flow.objects.get(pk=flow.pk).revision == before + 3


def test_publish_freezes_the_draft_beginning_at_the_lowest_number(bot: Bot) -> None:
    flow = talking.draft(bot)
    for number in (7, 3):
        flows.add_node(flow=flow, type="send_message", config=send("Hi")[1], number=number)

    version = flows.publish(flow=flow)

    assert version.spec["entry"] == 3
    assert [node["number"] for node in version.spec["nodes"]] == [3, 7]


def test_publish_names_who_did_it(bot: Bot) -> None:
    person = factories.user()

    version = flows.publish(flow=talking.draft(bot, send("Hi")), actor=person)

    assert (version.number, version.published_by) == (1, person)


def test_publish_of_an_unchanged_draft_keeps_the_version(bot: Bot) -> None:
    flow = talking.draft(bot, send("Hi"))

    assert flows.publish(flow=flow) == flows.publish(flow=flow)
    assert flow.versions.count() == 1


def test_a_changed_draft_leaves_the_published_version_as_it_was(bot: Bot) -> None:
    flow = talking.published(bot, send("Old"))
    frozen = FlowVersion.objects.get(flow=flow).spec

    talking.change(flow, send("New"))

    assert FlowVersion.objects.get(flow=flow).spec == frozen


def test_publish_of_a_changed_draft_adds_a_version(bot: Bot) -> None:
    flow = talking.published(bot, send("Old"))
    talking.change(flow, send("New"))

    version = flows.publish(flow=flow)

    assert version.number == 2
    assert Flow.objects.get(pk=flow.pk).published_version == version


@pytest.mark.parametrize(
    ("nodes", "place"),
    [
        ([], "nodes"),
        ([send("Hi", 9)], "nodes.0.next"),
        ([send("Hi", 1), ("send_message", {"content": {"text": ""}})], "nodes.1.content.text"),
    ],
)
def test_publish_of_an_invalid_draft_names_the_place(
    bot: Bot, nodes: list[talking.NodeParts], place: str
) -> None:
    flow = talking.draft(bot, *nodes)

    with pytest.raises(flows.FlowInvalid) as refusal:
        flows.publish(flow=flow)

    assert (refusal.value.code, list(refusal.value.errors)) == ("flow_invalid", [place])
    assert not flow.versions.exists()


def test_problems_tells_errors_before_warnings(bot: Bot) -> None:
    flow = talking.draft(bot, send("Hi {{nobody.name}}"), send("", 1))

    severities = [problem.severity for problem in flows.problems(flow)]

    assert severities == sorted(severities, key=lambda severity: severity is not Severity.ERROR)
    assert len(set(severities)) == 2


def test_rollback_publishes_the_old_version_as_a_new_one_and_as_the_draft(bot: Bot) -> None:
    flow = talking.published(bot, send("Old"))
    first = flow.published_version
    assert first is not None
    talking.change(flow, send("New", 1), send("Newer"))
    flows.publish(flow=flow)

    version = flows.rollback(flow=flow, version=first)

    assert (version.number, version.spec) == (3, first.spec)
    assert flows.spec(flow) == first.spec
    assert Flow.objects.get(pk=flow.pk).published_version == version


def test_rollback_to_another_flows_version_is_refused(bot: Bot) -> None:
    theirs = talking.published(bot, send("Theirs")).published_version
    assert theirs is not None

    with pytest.raises(ValidationFailed) as refusal:
        flows.rollback(flow=talking.draft(bot, send("Mine")), version=theirs)

    assert refusal.value.code == "wrong_flow"


def test_delete_with_a_live_execution_is_refused(bot: Bot) -> None:
    flow = talking.published(bot, ask())
    talking.begin(flow)

    with pytest.raises(Conflict) as refusal:
        flows.delete(flow)

    assert refusal.value.code == "flow_running"
    assert Flow.objects.filter(pk=flow.pk).exists()


def test_delete_removes_versions_and_ended_executions(bot: Bot) -> None:
    flow = talking.published(bot, send("Hi"))
    talking.begin(flow)

    flows.delete(flow)

    assert not Flow.objects.exists()
    assert not FlowVersion.objects.exists()
