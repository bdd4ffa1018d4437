"""/bots/nodes/"""

from typing import Any

import pytest
from rest_framework.test import APIClient

from chatboost.messaging.models import Bot
from flows.models import Flow, Node
from teams.models import Organization
from tests import factories
from tests.flows import talking
from tests.flows.engine_runs import send


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


@pytest.fixture
def foreign_flow(other_organization: Organization) -> Flow:
    return talking.published(
        factories.bot(other_organization, name="SECRETBOT"), send("Hi"), name="SECRETFLOW"
    )


def new_node(api: APIClient, flow: Flow, **fields: Any) -> Any:
    """Post a node of the flow; returns the response."""
    body = {"flow_id": flow.pk, "type": "send_message", "config": send("Hi")[1], **fields}
    return api.post("/bots/nodes/", body, format="json")


def test_node_without_number_takes_the_next_from_zero(api: APIClient, bot: Bot) -> None:
    flow = talking.draft(bot)

    assert [new_node(api, flow).json()["number"] for _ in range(3)] == [0, 1, 2]


def test_node_with_a_taken_number_is_a_conflict(api: APIClient, bot: Bot) -> None:
    response = new_node(api, talking.draft(bot, send("Hi")), number=0)

    assert (response.status_code, response.json()["code"]) == (409, "node_number_taken")


def test_node_of_an_unknown_type_names_the_known(api: APIClient, bot: Bot) -> None:
    response = new_node(api, talking.draft(bot), type="teleport")

    assert (response.status_code, response.json()["code"]) == (400, "unknown_node_type")
    assert "webhook_action" in response.json()["errors"]["type"][0]


def test_node_may_come_without_config(api: APIClient, bot: Bot) -> None:
    response = api.post("/bots/nodes/", {"flow_id": talking.draft(bot).pk, "type": "wait"}, format="json")

    assert (response.status_code, response.json()["config"]) == (201, {})


@pytest.mark.parametrize("number", [-1, 1_000_001, "first", None])
def test_node_with_a_bad_number_is_refused(api: APIClient, bot: Bot, number: object) -> None:
    response = new_node(api, talking.draft(bot), number=number)

    assert (response.status_code, list(response.json()["errors"])) == (400, ["number"])


def test_node_of_a_foreign_flow_is_a_bad_request(api: APIClient, foreign_flow: Flow) -> None:
    response = new_node(api, foreign_flow)

    assert (response.status_code, list(response.json()["errors"])) == (400, ["flow_id"])


def test_node_put_without_number_keeps_it(api: APIClient, bot: Bot) -> None:
    node = talking.draft(bot, send("Zero"), send("One")).nodes.get(number=1)
    body = {"flow_id": node.flow_id, "type": "send_message", "config": send("Changed")[1], "label": "Second"}

    shown = api.put(f"/bots/nodes/{node.pk}", body, format="json").json()

    assert (shown["number"], shown["config"], shown["label"]) == (1, send("Changed")[1], "Second")


def test_node_patch_to_a_taken_number_is_a_conflict(api: APIClient, bot: Bot) -> None:
    node = talking.draft(bot, send("Zero"), send("One")).nodes.get(number=1)

    response = api.patch(f"/bots/nodes/{node.pk}", {"number": 0}, format="json")

    assert response.status_code == 409
    assert Node.objects.get(pk=node.pk).number == 1


def test_a_node_can_not_move_to_another_flow(api: APIClient, bot: Bot) -> None:
    node, other = talking.draft(bot, send("Hi")).nodes.get(), talking.draft(bot)

    response = api.patch(f"/bots/nodes/{node.pk}", {"flow_id": other.pk}, format="json")

    assert (response.status_code, list(response.json()["errors"])) == (400, ["flow_id"])


def test_node_delete_removes_it_from_the_draft(api: APIClient, bot: Bot) -> None:
    flow = talking.draft(bot, send("Hi"))

    assert api.delete(f"/bots/nodes/{flow.nodes.get().pk}/").status_code == 204
    assert not flow.nodes.exists()


def test_nodes_can_be_narrowed_to_a_flow(api: APIClient, bot: Bot) -> None:
    flow = talking.draft(bot, send("Mine"))
    talking.draft(bot, send("Other"))

    shown = api.get(f"/bots/nodes/?flow_id={flow.pk}").json()["results"]

    assert [node["config"] for node in shown] == [send("Mine")[1]]
