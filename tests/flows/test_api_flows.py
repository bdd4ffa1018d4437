"""/bots/flows/, and what it shares with /bots/nodes/"""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from chatboost.messaging.models import Bot
from flows.models import Flow, Node
from teams.models import Organization
from tests import factories
from tests.flows import talking
from tests.flows.engine_runs import ask, send

ApiFor = Callable[..., APIClient]

# The node types as the product's description shows them; they point at nodes 1 to 5.
SOURCE_NODES: list[dict[str, Any]] = [
    {
        "type": "send_message",
        "config": {"message_type": "text", "content": {"text": "Hello {{contact.first_name}}!"}, "next": 1},
    },
    {"type": "wait", "config": {"duration": 5, "unit": "minutes", "next": 2}},
    {
        "type": "condition",
        "config": {
            "variable": "state.user_response",
            "operator": "==",
            "value": "yes",
            "true_path": 3,
            "false_path": 4,
        },
    },
    {
        "type": "webhook_action",
        "config": {
            "url": "https://api.example.com/webhook",
            "method": "POST",
            "headers": {"Authorization": "Bearer {{state.api_token}}"},
            "body": {"data": "{{state.user_data}}"},
            "store_response_in": "state.api_result",
            "next": 5,
        },
    },
    {
        "type": "set_attribute",
        "config": {
            "attribute_key": "last_interaction",
            "attribute_value": "{{state.current_time}}",
            "value_type": "string",
            "next": 1,
        },
    },
    {
        "type": "send_message",
        "config": {
            "message_type": "text",
            "content": {
                "text": "Hello {{contact.first_name}}, your preferred language is "
                "{{contact.attribute.preferred_language}}"
            },
            "next": 2,
        },
    },
]


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


@pytest.fixture
def foreign_flow(other_organization: Organization) -> Flow:
    return talking.published(
        factories.bot(other_organization, name="SECRETBOT"), send("Hi"), name="SECRETFLOW"
    )


def test_create_starts_with_an_unpublished_draft(api: APIClient, bot: Bot) -> None:
    response = api.post("/bots/flows/", {"bot_id": bot.pk, "name": "Welcome"}, format="json")

    assert response.status_code == 201
    shown = response.json()
    assert (shown["name"], shown["is_published"], shown["version"], shown["is_active"]) == (
        "Welcome",
        False,
        None,
        True,
    )


def test_create_with_nodes_numbers_them_from_zero(api: APIClient, bot: Bot) -> None:
    body = {"bot_id": bot.pk, "name": "Welcome", "nodes": SOURCE_NODES}

    created = api.post("/bots/flows", body, format="json").json()

    shown = api.get(f"/bots/flows/{created['id']}").json()["nodes"]
    assert [node["number"] for node in shown] == [0, 1, 2, 3, 4, 5]
    assert [{"type": node["type"], "config": node["config"]} for node in shown] == SOURCE_NODES


def test_the_sources_nodes_are_valid_and_can_be_published(api: APIClient, bot: Bot) -> None:
    body = {"bot_id": bot.pk, "name": "Welcome", "nodes": SOURCE_NODES}
    flow = api.post("/bots/flows/", body, format="json").json()["id"]

    assert api.post(f"/bots/flows/{flow}/validate").json()["can_publish"] is True
    assert api.post(f"/bots/flows/{flow}/publish").json()["number"] == 1


@pytest.mark.parametrize("node", SOURCE_NODES, ids=lambda node: node["type"])
def test_each_of_the_sources_nodes_is_accepted_by_itself(
    api: APIClient, bot: Bot, node: dict[str, Any]
) -> None:
    response = api.post("/bots/nodes/", {"flow_id": talking.draft(bot).pk, **node}, format="json")

    assert response.status_code == 201
    assert response.json()["config"] == node["config"]


def test_create_inactive_stays_inactive(api: APIClient, bot: Bot) -> None:
    body = {"bot_id": bot.pk, "name": "Welcome", "is_active": False}

    assert api.post("/bots/flows/", body, format="json").json()["is_active"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"nmae": "x"}, "nmae"),
        ({"bot_id": 999_999}, "bot_id"),
        ({"nodes": [{"config": {}}]}, "nodes.0.type"),
        ({"nodes": [{"type": "wait", "config": []}]}, "nodes.0.config"),
    ],
)
def test_create_bad_body_names_the_field(
    api: APIClient, bot: Bot, change: dict[str, Any], field: str
) -> None:
    response = api.post("/bots/flows/", {"bot_id": bot.pk, "name": "Welcome", **change}, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


def test_create_with_one_bad_node_creates_nothing(api: APIClient, bot: Bot) -> None:
    nodes = [SOURCE_NODES[0], {"type": "teleport"}]

    response = api.post("/bots/flows/", {"bot_id": bot.pk, "name": "Welcome", "nodes": nodes}, format="json")

    assert (response.status_code, response.json()["code"]) == (400, "unknown_node_type")
    assert not Flow.objects.exists()


def test_create_for_a_foreign_bot_is_a_bad_request(api: APIClient, foreign_flow: Flow) -> None:
    response = api.post("/bots/flows/", {"bot_id": foreign_flow.bot_id, "name": "Mine"}, format="json")

    assert response.status_code == 400
    assert "does not exist" in response.json()["errors"]["bot_id"][0]


def test_put_what_get_gave_changes_nothing(api: APIClient, bot: Bot) -> None:
    flow = talking.published(bot, send("Hi"))
    shown = api.get(f"/bots/flows/{flow.pk}").json()
    shown.pop("nodes")

    response = api.put(f"/bots/flows/{flow.pk}/", shown, format="json")

    assert response.status_code == 200
    assert response.json() | {"updated_at": ""} == shown | {"updated_at": ""}


def test_patch_changes_a_field(api: APIClient, bot: Bot) -> None:
    flow = talking.draft(bot)

    assert api.patch(f"/bots/flows/{flow.pk}", {"ignore_triggers": True}, format="json").status_code == 200

    assert Flow.objects.get(pk=flow.pk).ignore_triggers is True


def test_a_flow_can_not_move_to_another_bot(api: APIClient, bot: Bot) -> None:
    flow = talking.draft(bot)
    other = factories.bot(bot.organization)

    response = api.patch(f"/bots/flows/{flow.pk}", {"bot_id": other.pk}, format="json")

    assert (response.status_code, list(response.json()["errors"])) == (400, ["bot_id"])


def test_delete_removes_the_flow(api: APIClient, bot: Bot) -> None:
    flow = talking.draft(bot, send("Hi"))

    assert api.delete(f"/bots/flows/{flow.pk}").status_code == 204
    assert api.get(f"/bots/flows/{flow.pk}").status_code == 404


def test_delete_with_a_live_execution_is_a_conflict(api: APIClient, bot: Bot) -> None:
    flow = talking.published(bot, ask())
    talking.begin(flow)

    response = api.delete(f"/bots/flows/{flow.pk}")

    assert (response.status_code, response.json()["code"]) == (409, "flow_running")


def test_validate_tells_problems_by_node(api: APIClient, bot: Bot) -> None:
    flow = talking.draft(bot, send("Hi {{nobody}}", 9))

    shown = api.post(f"/bots/flows/{flow.pk}/validate").json()

    assert shown["can_publish"] is False
    assert [(problem["node"], problem["code"], problem["severity"]) for problem in shown["problems"]] == [
        (0, "missing_target", "error"),
        (0, "unknown_root", "warning"),
    ]


def test_validate_with_warnings_alone_can_be_published(api: APIClient, bot: Bot) -> None:
    flow = talking.draft(bot, send("Hi {{nobody}}"))

    shown = api.post(f"/bots/flows/{flow.pk}/validate").json()

    assert (shown["can_publish"], len(shown["problems"])) == (True, 1)


def test_publish_invalid_answers_the_errors_per_node(api: APIClient, bot: Bot) -> None:
    flow = talking.draft(bot, send("Hi", 9), ("wait", {"duration": 0, "unit": "minutes"}))

    response = api.post(f"/bots/flows/{flow.pk}/publish")

    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "flow_invalid")
    assert list(problem["errors"]) == ["nodes.0.next", "nodes.1.duration"]


def test_publish_empty_draft_is_invalid(api: APIClient, bot: Bot) -> None:
    response = api.post(f"/bots/flows/{talking.draft(bot).pk}/publish")

    assert (response.status_code, response.json()["code"]) == (400, "flow_invalid")


def test_publish_twice_answers_the_same_version(api: APIClient, bot: Bot) -> None:
    flow = talking.draft(bot, send("Hi"))

    first, second = (api.post(f"/bots/flows/{flow.pk}/publish").json() for _ in range(2))

    assert first == second
    assert first["spec"] == {
        "entry": 0,
        "nodes": [{"number": 0, "type": "send_message", "config": send("Hi")[1]}],
    }


def test_a_published_flow_says_so(api: APIClient, bot: Bot) -> None:
    flow = talking.published(bot, send("Hi"))

    shown = api.get(f"/bots/flows/{flow.pk}").json()

    assert (shown["is_published"], shown["version"]) == (True, 1)


def test_a_version_does_not_change_with_the_draft(api: APIClient, bot: Bot) -> None:
    flow = talking.published(bot, send("Old"))
    node = flow.nodes.get()
    before = api.get(f"/bots/flows/{flow.pk}/versions").json()["results"]

    api.patch(f"/bots/nodes/{node.pk}", {"config": send("New")[1]}, format="json")

    assert api.get(f"/bots/flows/{flow.pk}/versions").json()["results"] == before


def test_rollback_makes_the_old_version_the_draft_again(api: APIClient, bot: Bot) -> None:
    flow = talking.published(bot, send("Old"))
    talking.change(flow, send("New"))
    talking.publish(flow)

    response = api.post(f"/bots/flows/{flow.pk}/rollback", {"version": 1}, format="json")

    assert (response.status_code, response.json()["number"]) == (200, 3)
    assert api.get(f"/bots/flows/{flow.pk}").json()["nodes"][0]["config"] == send("Old")[1]


@pytest.mark.parametrize(
    ("body", "status"), [({"version": 2}, 404), ({"version": 10**30}, 400), ({"version": 0}, 400), ({}, 400)]
)
def test_rollback_to_a_version_that_is_none_is_refused(
    api: APIClient, bot: Bot, body: dict[str, int], status: int
) -> None:
    flow = talking.published(bot, send("Hi"))

    assert api.post(f"/bots/flows/{flow.pk}/rollback", body, format="json").status_code == status


def test_versions_are_listed_newest_first(api: APIClient, bot: Bot) -> None:
    flow = talking.published(bot, send("Old"))
    talking.change(flow, send("New"))
    talking.publish(flow)

    shown = api.get(f"/bots/flows/{flow.pk}/versions/").json()

    assert (shown["count"], [version["number"] for version in shown["results"]]) == (2, [2, 1])


@pytest.mark.parametrize("action", ["", "/validate", "/publish", "/rollback", "/versions"])
def test_foreign_flow_is_not_found(api: APIClient, foreign_flow: Flow, action: str) -> None:
    method = api.post if action in ("/validate", "/publish", "/rollback") else api.get

    response = method(f"/bots/flows/{foreign_flow.pk}{action}", format="json")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/bots/flows/{flow}", "/bots/nodes/{node}"])
def test_foreign_rows_can_not_be_changed(api: APIClient, foreign_flow: Flow, method: str, path: str) -> None:
    node = foreign_flow.nodes.get()
    url = path.format(flow=foreign_flow.pk, node=node.pk)

    response = getattr(api, method)(url, {"name": "Mine", "label": "Mine"}, format="json")

    assert response.status_code == 404
    assert Flow.objects.filter(name="SECRETFLOW").exists()
    assert Node.objects.filter(pk=node.pk, label="").exists()


@pytest.mark.parametrize("path", ["/bots/flows/", "/bots/nodes/"])
def test_lists_show_only_the_organizations_rows(
    api: APIClient, bot: Bot, foreign_flow: Flow, path: str
) -> None:
    talking.draft(bot, send("Hi"))

    assert api.get(path).json()["count"] == 1


@pytest.mark.parametrize("path", ["/bots/flows/", "/bots/nodes/", "/flows/executions/"])
def test_browsable_pages_name_nothing_foreign(
    api: APIClient, bot: Bot, foreign_flow: Flow, path: str
) -> None:
    talking.draft(bot, send("Hi"))

    response = api.get(path, HTTP_ACCEPT="text/html")

    assert response.status_code == 200
    assert "SECRET" not in response.content.decode()


@pytest.mark.parametrize("query", ["bot_id={bot}", "bot_id=999999"])
def test_a_foreign_id_filters_as_one_that_does_not_exist(
    api: APIClient, foreign_flow: Flow, query: str
) -> None:
    response = api.get(f"/bots/flows/?{query.format(bot=foreign_flow.bot_id)}")

    assert (response.status_code, response.json()["count"]) == (200, 0)


@pytest.mark.parametrize(
    ("query", "names"),
    [("search=wel", ["Welcome"]), ("is_active=false", ["Survey"]), ("ordering=-name", ["Welcome", "Survey"])],
)
def test_flows_can_be_narrowed_and_ordered(api: APIClient, bot: Bot, query: str, names: list[str]) -> None:
    talking.draft(bot, name="Welcome")
    Flow.objects.filter(pk=talking.draft(bot, name="Survey").pk).update(is_active=False)

    assert [flow["name"] for flow in api.get(f"/bots/flows/?{query}").json()["results"]] == names


@pytest.mark.parametrize("path", ["/bots/flows/", "/bots/nodes/", "/bots/flows/{flow}/versions"])
def test_lists_cost_the_same_for_many_rows(
    api: APIClient, bot: Bot, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(6):
        flow = talking.published(bot, send(f"{number}"))
    for number in range(6):
        talking.change(flow, send(f"again {number}"))
        talking.publish(flow)
    api.get("/bots/flows/")  # notes the key's use

    with django_assert_num_queries(4 if "versions" in path else 3):  # key, (flow,) count, rows
        assert api.get(path.format(flow=flow.pk)).json()["count"] >= 6


def test_detail_costs_the_same_for_many_nodes(
    api: APIClient, bot: Bot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    flow = talking.draft(bot, *[send("Hi") for _ in range(10)])
    api.get("/bots/flows/")  # notes the key's use

    with django_assert_num_queries(3):  # key, flow, nodes
        assert len(api.get(f"/bots/flows/{flow.pk}").json()["nodes"]) == 10


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("viewer", "get", "/bots/flows/{flow}", 200),
        ("viewer", "get", "/bots/flows/{flow}/versions", 200),
        ("viewer", "post", "/bots/flows/{flow}/validate", 200),
        ("viewer", "post", "/bots/flows/", 403),
        ("viewer", "patch", "/bots/flows/{flow}", 403),
        ("viewer", "delete", "/bots/flows/{flow}", 403),
        ("viewer", "post", "/bots/flows/{flow}/publish", 403),
        ("viewer", "post", "/bots/flows/{flow}/rollback", 403),
        ("viewer", "get", "/bots/nodes/{node}", 200),
        ("viewer", "post", "/bots/nodes/", 403),
        ("viewer", "delete", "/bots/nodes/{node}", 403),
        ("agent", "post", "/bots/flows/{flow}/publish", 403),
        ("editor", "post", "/bots/flows/{flow}/publish", 200),
        ("editor", "delete", "/bots/nodes/{node}", 204),
    ],
)
def test_roles_decide(
    api_for: ApiFor, organization: Organization, bot: Bot, role: str, method: str, path: str, status: int
) -> None:
    flow = talking.draft(bot, send("Hi"))
    url = path.format(flow=flow.pk, node=flow.nodes.get().pk)

    assert getattr(api_for(organization, role=role), method)(url, {}, format="json").status_code == status


@pytest.mark.parametrize("path", ["/bots/flows/", "/bots/nodes", "/bots/flows/1/publish"])
def test_without_credentials_is_unauthorised(organization: Organization, path: str) -> None:
    method = APIClient().post if path.endswith("publish") else APIClient().get

    assert method(path).status_code == 401
