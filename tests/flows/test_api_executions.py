"""/flows/execute, /flows/executions and /flows/statistics"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from chatboost.core import clock
from chatboost.messaging.models import Bot, Contact
from flows.models import Execution, ExecutionState, Flow
from teams.models import Organization
from tests import factories
from tests.flows import talking
from tests.flows.engine_runs import ask, delay, send

ApiFor = Callable[..., APIClient]


@pytest.fixture
def bot(organization: Organization) -> Bot:
    bot = factories.bot(organization)
    factories.channel(bot)
    return bot


@pytest.fixture
def foreign(other_organization: Organization) -> Execution:
    bot = factories.bot(other_organization)
    return talking.begin(talking.published(bot, ask()))


def source_body(flow: Flow, **changes: Any) -> dict[str, Any]:
    """Return the body as the product's description shows it, with the ids that exist here."""
    return {
        "flow_id": flow.pk,
        "contact_phone": "1234567890",
        "bot_id": flow.bot_id,
        "initial_state": {"custom_field": "value"},
    } | changes


def execute(api: APIClient, flow: Flow, **changes: Any) -> Any:
    """Post to /flows/execute; returns the response."""
    return api.post("/flows/execute", source_body(flow, **changes), format="json")


def waiting(bot: Bot, *more: talking.NodeParts) -> Execution:
    """Start a flow that asks something."""
    return talking.begin(talking.published(bot, ask(next=1 if more else None), *more))


def test_execute_with_the_sources_body_starts_the_flow(api: APIClient, bot: Bot) -> None:
    response = execute(api, talking.published(bot, ask()))

    assert response.status_code == 201
    shown = response.json()
    assert (shown["state"], shown["node_number"], shown["version"]) == ("waiting_input", 0, 1)
    assert shown["variables"] == {"custom_field": "value"}
    assert (shown["origin_kind"], shown["ended_at"]) == ("api", None)


def test_execute_makes_the_contact_once(api: APIClient, bot: Bot) -> None:
    flow = talking.published(bot, send("Hi"))

    first, second = execute(api, flow), execute(api, flow, contact_phone="+1234567890")

    assert first.json()["contact_id"] == second.json()["contact_id"]
    assert Contact.objects.get().phone == "+1234567890"


def test_execute_without_initial_state_has_none(api: APIClient, bot: Bot) -> None:
    body = source_body(talking.published(bot, ask()))
    del body["initial_state"]

    assert api.post("/flows/execute/", body, format="json").json()["variables"] == {}


def test_execute_again_interrupts_the_running_flow(api: APIClient, bot: Bot) -> None:
    flow = talking.published(bot, ask())

    first, second = execute(api, flow).json(), execute(api, flow).json()

    assert api.get(f"/flows/executions/{first['id']}").json()["state"] == "interrupted"
    assert second["state"] == "waiting_input"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"flow_id": 999_999}, "flow_id"),
        ({"flow_id": 10**30}, "flow_id"),
        ({"bot_id": 999_999}, "bot_id"),
        ({"contact_phone": "phone"}, "contact_phone"),
        ({"contact_phone": ""}, "contact_phone"),
        ({"initial_state": ["x"]}, "initial_state"),
        ({"phone": "1234567890"}, "phone"),
    ],
)
def test_execute_bad_body_names_the_field(
    api: APIClient, bot: Bot, changes: dict[str, Any], field: str
) -> None:
    response = execute(api, talking.published(bot, send("Hi")), **changes)

    assert (response.status_code, list(response.json()["errors"])) == (400, [field])


def test_execute_foreign_flow_is_a_bad_request(api: APIClient, bot: Bot, foreign: Execution) -> None:
    response = execute(api, foreign.flow, bot_id=bot.pk)

    assert (response.status_code, list(response.json()["errors"])) == (400, ["flow_id"])


def test_execute_foreign_bot_is_a_bad_request(api: APIClient, bot: Bot, foreign: Execution) -> None:
    response = execute(api, talking.published(bot, send("Hi")), bot_id=foreign.bot_id)

    assert (response.status_code, list(response.json()["errors"])) == (400, ["bot_id"])


def test_execute_unpublished_is_a_conflict_that_leaves_nothing(api: APIClient, bot: Bot) -> None:
    response = execute(api, talking.draft(bot, send("Hi")))

    assert (response.status_code, response.json()["code"]) == (409, "flow_not_published")
    assert not Contact.objects.exists()


def test_execute_with_another_bot_is_a_conflict(api: APIClient, bot: Bot) -> None:
    other = factories.bot(bot.organization)

    response = execute(api, talking.published(bot, send("Hi")), bot_id=other.pk)

    assert (response.status_code, response.json()["code"]) == (409, "wrong_bot")


def test_execute_on_a_bot_without_a_channel_is_a_conflict(api: APIClient, organization: Organization) -> None:
    response = execute(api, talking.published(factories.bot(organization), send("Hi")))

    assert (response.status_code, response.json()["code"]) == (409, "no_channel")


def test_detail_shows_a_wait_and_its_end(api: APIClient, bot: Bot) -> None:
    with clock.frozen(talking.NOW):
        execution = talking.begin(talking.published(bot, delay(5, "minutes")))

    shown = api.get(f"/flows/executions/{execution.pk}/").json()

    assert (shown["state"], shown["wake_at"]) == ("waiting_timer", "2026-03-09T17:10:00Z")


def test_detail_of_a_failed_execution_says_why(api: APIClient, bot: Bot) -> None:
    config = {"attribute_key": "age", "attribute_value": "{{state.age}}", "value_type": "number"}
    execution = talking.begin(talking.published(bot, ("set_attribute", config)), age="old")

    shown = api.get(f"/flows/executions/{execution.pk}").json()

    assert (shown["state"], shown["error_code"]) == ("failed", "invalid_attribute_value")
    assert shown["error_detail"]


@pytest.mark.parametrize("notation", ["{phone}", "{digits}", "+1 555-{rest}"])
def test_contacts_executions_are_found_in_any_notation(api: APIClient, bot: Bot, notation: str) -> None:
    mine = waiting(bot)
    waiting(bot)
    phone = mine.contact.phone or ""
    written = notation.format(phone=phone, digits=phone[1:], rest=phone[5:])

    shown = api.get(f"/flows/executions/contact/{written}").json()

    assert [execution["id"] for execution in shown["results"]] == [mine.pk]


def test_a_contact_without_executions_has_an_empty_list(api: APIClient, organization: Organization) -> None:
    response = api.get("/flows/executions/contact/15550199999/")

    assert (response.status_code, response.json()["results"]) == (200, [])


def test_a_foreign_contacts_executions_are_not_shown(api: APIClient, foreign: Execution) -> None:
    assert api.get(f"/flows/executions/contact/{foreign.contact.phone}").json()["results"] == []


def test_what_is_no_phone_number_is_a_bad_request(api: APIClient, organization: Organization) -> None:
    assert api.get("/flows/executions/contact/nobody").status_code == 400


def test_list_is_newest_first_and_goes_on_by_cursor(api: APIClient, bot: Bot) -> None:
    ids = [waiting(bot).pk for _ in range(3)]

    first = api.get("/flows/executions/?limit=2").json()
    second = api.get(first["next"]).json()

    assert [row["id"] for row in first["results"] + second["results"]] == ids[::-1]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "count"),
    [("state=waiting_input", 1), ("state=completed", 1), ("flow_id={flow}", 1), ("flow_id=999999", 0)],
)
def test_list_can_be_narrowed(api: APIClient, bot: Bot, query: str, count: int) -> None:
    flow = waiting(bot).flow
    talking.begin(talking.published(bot, send("Hi")))

    shown = api.get(f"/flows/executions/?{query.format(flow=flow.pk)}").json()

    assert len(shown["results"]) == count


def test_logs_are_newest_first(api: APIClient, bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, send("Hi", 1), ask()))

    shown = api.get(f"/flows/executions/{execution.pk}/logs").json()["results"]

    assert [(entry["node_number"], entry["node_type"], entry["event"]) for entry in shown] == [
        (1, "wait", "waiting"),
        (0, "send_message", "sent"),
    ]


@pytest.mark.parametrize("named", [True, False])
def test_input_with_the_sources_body_moves_the_flow_on(api: APIClient, bot: Bot, named: bool) -> None:
    execution = waiting(bot, send("You said {{state.user_response}}"))
    body = {"message": "yes", "message_type": "text"} | ({"execution_id": execution.pk} if named else {})

    response = api.post(f"/flows/executions/{execution.pk}/input", body, format="json")

    assert (response.status_code, response.json()["state"]) == (200, "completed")
    assert talking.told(bot) == ["You said yes"]


def test_input_for_another_execution_is_refused(api: APIClient, bot: Bot) -> None:
    execution, other = waiting(bot), waiting(bot)
    body = {"execution_id": other.pk, "message": "yes"}

    response = api.post(f"/flows/executions/{execution.pk}/input", body, format="json")

    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "execution_id_mismatch")
    assert list(problem["errors"]) == ["execution_id"]
    assert talking.fresh(execution).is_live


@pytest.mark.parametrize("body", [{}, {"message": ""}, {"message": "x" * 4097}])
def test_input_without_a_message_is_refused(api: APIClient, bot: Bot, body: dict[str, str]) -> None:
    response = api.post(f"/flows/executions/{waiting(bot).pk}/input", body, format="json")

    assert (response.status_code, list(response.json()["errors"])) == (400, ["message"])


def test_input_during_a_delay_is_a_conflict(api: APIClient, bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, delay(5, "minutes")))

    response = api.post(f"/flows/executions/{execution.pk}/input", {"message": "yes"}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "not_waiting_for_input")


def test_resume_ends_the_wait(api: APIClient, bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, delay(5, "minutes", 1), send("Later")))

    response = api.post(f"/flows/executions/{execution.pk}/resume")

    assert (response.status_code, response.json()["state"]) == (200, "completed")


def test_cancel_ends_the_execution(api: APIClient, bot: Bot) -> None:
    response = api.post(f"/flows/executions/{waiting(bot).pk}/cancel")

    assert (response.status_code, response.json()["state"]) == (200, "cancelled")
    assert response.json()["ended_at"] is not None


@pytest.mark.parametrize("action", ["resume", "cancel", "input"])
def test_an_ended_execution_is_a_conflict(api: APIClient, bot: Bot, action: str) -> None:
    execution = talking.begin(talking.published(bot, send("Hi")))
    body = {"message": "yes"} if action == "input" else {}

    response = api.post(f"/flows/executions/{execution.pk}/{action}", body, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "execution_ended")


@pytest.mark.parametrize(
    ("method", "action"),
    [("get", ""), ("get", "/logs"), ("post", "/resume"), ("post", "/cancel"), ("post", "/input")],
)
def test_foreign_execution_is_not_found(api: APIClient, foreign: Execution, method: str, action: str) -> None:
    body = {"message": "yes"} if action == "/input" else None

    response = getattr(api, method)(f"/flows/executions/{foreign.pk}{action}", body, format="json")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert talking.fresh(foreign).state == ExecutionState.WAITING_INPUT


def test_statistics_count_the_organizations_executions(api: APIClient, bot: Bot, foreign: Execution) -> None:
    waiting(bot)
    for _ in range(2):
        talking.begin(talking.published(bot, send("Hi")))
    api.post(f"/flows/executions/{waiting(bot).pk}/cancel")

    shown = api.get("/flows/statistics").json()

    assert (shown["total"], shown["live"], shown["completed"], shown["failed"]) == (4, 1, 2, 0)
    assert shown["by_state"]["cancelled"] == 1
    assert sum(shown["by_state"].values()) == 4
    assert shown["completion_rate"] == 66.7


def test_statistics_of_nothing_have_no_rate(api: APIClient, organization: Organization) -> None:
    shown = api.get("/flows/statistics/").json()

    assert (shown["total"], shown["completion_rate"]) == (0, None)


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/flows/executions/", 2),
        ("/flows/executions/contact/{phone}", 2),
        ("/flows/executions/{execution}/logs", 3),
        ("/flows/statistics", 2),
    ],
)
def test_lists_cost_the_same_for_many_rows(
    api: APIClient, bot: Bot, path: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    someone = talking.conversation(bot.organization, bot, window=timedelta(hours=1))
    for _ in range(6):
        execution = talking.begin(talking.published(bot, send("Hi", 1), ask()), someone)
    api.get("/flows/statistics")  # notes the key's use
    url = path.format(phone=someone.contact.phone, execution=execution.pk)

    with django_assert_num_queries(queries):  # key, (execution,) rows
        assert api.get(url).status_code == 200


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("viewer", "get", "/flows/executions/", 200),
        ("viewer", "get", "/flows/executions/{execution}/logs", 200),
        ("viewer", "get", "/flows/statistics", 200),
        ("viewer", "post", "/flows/execute", 403),
        ("viewer", "post", "/flows/executions/{execution}/cancel", 403),
        ("viewer", "post", "/flows/executions/{execution}/resume", 403),
        ("viewer", "post", "/flows/executions/{execution}/input", 403),
        ("agent", "post", "/flows/execute", 201),
        ("agent", "post", "/flows/executions/{execution}/cancel", 200),
    ],
)
def test_roles_decide(
    api_for: ApiFor, organization: Organization, bot: Bot, role: str, method: str, path: str, status: int
) -> None:
    execution = waiting(bot)
    body = source_body(execution.flow) if path.endswith("execute") else None
    url = path.format(execution=execution.pk)

    assert getattr(api_for(organization, role=role), method)(url, body, format="json").status_code == status


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", "/flows/execute"), ("get", "/flows/executions/"), ("get", "/flows/statistics")],
)
def test_without_credentials_is_unauthorised(organization: Organization, method: str, path: str) -> None:
    assert getattr(APIClient(), method)(path).status_code == 401
