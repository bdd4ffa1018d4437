"""/triggers/"""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from chatboost.messaging.models import Bot
from flows.models import Flow
from teams.models import Organization
from tests import factories
from tests.flows import talking
from tests.flows.engine_runs import send
from triggers.models import Trigger, TriggerSet
from triggers.services import triggers

ApiFor = Callable[..., APIClient]


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


@pytest.fixture
def flow(bot: Bot) -> Flow:
    return talking.published(bot, send("Hi"))


@pytest.fixture
def foreign(other_organization: Organization) -> Trigger:
    bot = factories.bot(other_organization, name="SECRETBOT")
    return saved(talking.published(bot, send("Hi"), name="SECRETFLOW"), name="SECRETTRIGGER")


def saved(flow: Flow, *keywords: str, **fields: Any) -> Trigger:
    """Make a trigger of the flow."""
    fields = {"name": "Welcome", "keywords": list(keywords or ("hi",)), **fields}
    return triggers.save(Trigger(organization=flow.organization, bot=flow.bot, flow=flow, **fields))


def source_body(flow: Flow, **changes: Any) -> dict[str, Any]:
    """Return the body as the product's description shows it, with the ids that exist here."""
    return {
        "name": "Welcome Trigger",
        "bot_id": flow.bot_id,
        "flow_id": flow.pk,
        "trigger_type": "keyword",
        "keywords": ["hi", "hello", "hey"],
        "match_type": "exact",
        "case_sensitive": False,
        "priority": 10,
    } | changes


def test_create_with_the_sources_body_makes_an_active_trigger(api: APIClient, flow: Flow) -> None:
    response = api.post("/triggers/", source_body(flow), format="json")

    assert response.status_code == 201
    assert response.json().items() >= (source_body(flow) | {"is_active": True, "interrupts": False}).items()


def test_a_trigger_made_by_the_api_fires(api: APIClient, bot: Bot, flow: Flow) -> None:
    api.post("/triggers", source_body(flow), format="json")

    talking.say(talking.phone(bot), "hello")

    assert talking.told(bot) == ["Hi"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"keywords": []}, "keywords"),
        ({"keywords": "hi"}, "keywords"),
        ({"keywords": [""]}, "keywords.0"),
        ({"match_type": "fuzzy"}, "match_type"),
        ({"trigger_type": "mood"}, "trigger_type"),
        ({"priority": 40_000}, "priority"),
        ({"bot_id": 999_999}, "bot_id"),
        ({"flow_id": 999_999}, "flow_id"),
        ({"keyword": "hi"}, "keyword"),
    ],
)
def test_create_bad_body_names_the_field(
    api: APIClient, flow: Flow, changes: dict[str, Any], field: str
) -> None:
    response = api.post("/triggers/", source_body(flow, **changes), format="json")

    assert (response.status_code, list(response.json()["errors"])) == (400, [field])


def test_create_with_an_invalid_regex_says_what_is_wrong(api: APIClient, flow: Flow) -> None:
    response = api.post("/triggers/", source_body(flow, match_type="regex", keywords=["(a"]), format="json")

    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "invalid_keywords")
    assert problem["errors"]["keywords"] == ["An opening parenthesis has no closing one."]


def test_create_with_another_bots_flow_is_refused(api: APIClient, flow: Flow) -> None:
    other = factories.bot(flow.organization)

    response = api.post("/triggers/", source_body(flow, bot_id=other.pk), format="json")

    assert (response.status_code, response.json()["code"]) == (400, "wrong_bot")


@pytest.mark.parametrize("field", ["bot_id", "flow_id"])
def test_create_with_a_foreign_id_is_a_bad_request(
    api: APIClient, flow: Flow, foreign: Trigger, field: str
) -> None:
    body = source_body(flow, **{field: getattr(foreign, field)})

    response = api.post("/triggers/", body, format="json")

    assert (response.status_code, list(response.json()["errors"])) == (400, [field])


def test_put_what_get_gave_changes_nothing(api: APIClient, flow: Flow) -> None:
    trigger = saved(flow)
    shown = api.get(f"/triggers/{trigger.pk}").json()

    response = api.put(f"/triggers/{trigger.pk}/", shown, format="json")

    assert response.status_code == 200
    assert response.json() | {"updated_at": ""} == shown | {"updated_at": ""}


def test_patch_changes_what_fires(api: APIClient, bot: Bot, flow: Flow) -> None:
    trigger = saved(flow, "hi")
    phone = talking.phone(bot)
    talking.say(phone, "hi")

    assert api.patch(f"/triggers/{trigger.pk}", {"keywords": ["bye"]}, format="json").status_code == 200
    talking.say(phone, "hi", "bye")

    assert talking.told(bot) == ["Hi", "Hi"]


def test_patch_with_an_invalid_regex_changes_nothing(api: APIClient, flow: Flow) -> None:
    trigger = saved(flow, "hi(")

    response = api.patch(f"/triggers/{trigger.pk}", {"match_type": "regex"}, format="json")

    assert response.status_code == 400
    assert Trigger.objects.get(pk=trigger.pk).match_type == "exact"


def test_delete_removes_the_trigger(api: APIClient, bot: Bot, flow: Flow) -> None:
    trigger = saved(flow)

    assert api.delete(f"/triggers/{trigger.pk}").status_code == 204

    talking.say(talking.phone(bot), "hi")
    assert talking.told(bot) == []


@pytest.mark.parametrize(("action", "is_active"), [("activate", True), ("deactivate", False)])
def test_switching_twice_is_the_same_as_once(
    api: APIClient, flow: Flow, action: str, is_active: bool
) -> None:
    trigger = saved(flow, is_active=not is_active)

    answers = [api.post(f"/triggers/{trigger.pk}/{action}") for _ in range(2)]

    assert [(answer.status_code, answer.json()["is_active"]) for answer in answers] == [(200, is_active)] * 2
    assert Trigger.objects.get(pk=trigger.pk).is_active is is_active


def test_a_deactivated_trigger_is_silent(api: APIClient, bot: Bot, flow: Flow) -> None:
    trigger = saved(flow)
    phone = talking.phone(bot)
    talking.say(phone, "hi")
    api.post(f"/triggers/{trigger.pk}/deactivate/")

    talking.say(phone, "hi")

    assert talking.told(bot) == ["Hi"]


def test_triggers_of_a_bot_are_in_order_of_precedence(api: APIClient, flow: Flow) -> None:
    low, high, second = saved(flow, priority=1), saved(flow, priority=9), saved(flow, priority=1)
    saved(talking.published(factories.bot(flow.organization), send("Hi")))

    shown = api.get(f"/triggers/bot/{flow.bot_id}").json()

    assert [row["id"] for row in shown["results"]] == [high.pk, low.pk, second.pk]


def test_test_says_that_and_why_a_trigger_matches(api: APIClient, flow: Flow) -> None:
    trigger = saved(flow, "hello", match_type="starts_with")

    shown = api.post(f"/triggers/{trigger.pk}/test", {"test_message": "hello there"}, format="json").json()

    assert (shown["trigger_id"], shown["matched"]) == (trigger.pk, True)
    assert "starts with “hello”" in shown["reason"]


def test_test_says_why_a_trigger_does_not_match(api: APIClient, flow: Flow) -> None:
    trigger = saved(flow, "hello")

    shown = api.post(f"/triggers/{trigger.pk}/test", {"test_message": "hello there"}, format="json").json()

    assert shown["matched"] is False
    assert "contains would fire" in shown["reason"]


def test_test_changes_nothing(api: APIClient, flow: Flow) -> None:
    trigger = saved(flow)

    api.post(f"/triggers/{trigger.pk}/test", {"test_message": "hi"}, format="json")

    assert not trigger.logs.exists()
    assert not flow.executions.exists()


def test_test_of_a_bot_names_the_winner(api: APIClient, flow: Flow) -> None:
    saved(flow, "hi", priority=1)
    high = saved(flow, "hi", priority=9)
    saved(flow, "hi", priority=99, is_active=False)

    response = api.post(f"/triggers/test?bot_id={flow.bot_id}", {"test_message": "hi"}, format="json")

    shown = response.json()
    assert (response.status_code, shown["winner_id"], len(shown["results"])) == (200, high.pk, 2)


def test_test_of_a_bot_that_nothing_fires_has_no_winner(api: APIClient, flow: Flow) -> None:
    saved(flow, "hi")

    response = api.post(f"/triggers/test/?bot_id={flow.bot_id}", {"test_message": "bye"}, format="json")

    assert response.json()["winner_id"] is None


@pytest.mark.parametrize("query", ["", "?bot_id=", "?bot_id=first", "?bot_id=-1", "?bot_id=" + "9" * 19])
def test_test_without_a_bot_is_a_bad_request(api: APIClient, organization: Organization, query: str) -> None:
    response = api.post(f"/triggers/test{query}", {"test_message": "hi"}, format="json")

    assert (response.status_code, list(response.json()["errors"])) == (400, ["bot_id"])


@pytest.mark.parametrize("body", [{}, {"test_message": "x" * 4097}, {"message": "hi"}])
def test_test_without_a_message_is_a_bad_request(api: APIClient, flow: Flow, body: dict[str, str]) -> None:
    assert api.post(f"/triggers/{saved(flow).pk}/test", body, format="json").status_code == 400


def test_logs_list_the_firings_newest_first(api: APIClient, bot: Bot, flow: Flow) -> None:
    trigger = saved(flow, "hi", "hello")
    talking.say(talking.phone(bot), "hi", "hello")

    shown = api.get(f"/triggers/{trigger.pk}/logs/").json()["results"]

    assert [firing["keyword"] for firing in shown] == ["hello", "hi"]
    executions = [row.pk for row in flow.executions.order_by("-id")]
    assert [firing["execution_id"] for firing in shown] == executions


def test_statistics_count_triggers_and_firings(
    api: APIClient, bot: Bot, flow: Flow, foreign: Trigger
) -> None:
    saved(flow)
    saved(flow, "bye", is_active=False)
    talking.say(talking.phone(bot), "hi", "hi")

    shown = api.get("/triggers/statistics").json()

    assert (shown["total"], shown["active"], shown["by_type"]["keyword"]) == (2, 1, 2)
    assert (shown["firings"], shown["firings_today"]) == (2, 2)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/triggers/{trigger}"),
        ("put", "/triggers/{trigger}"),
        ("patch", "/triggers/{trigger}"),
        ("delete", "/triggers/{trigger}"),
        ("post", "/triggers/{trigger}/activate"),
        ("post", "/triggers/{trigger}/deactivate"),
        ("post", "/triggers/{trigger}/test"),
        ("get", "/triggers/{trigger}/logs"),
        ("get", "/triggers/bot/{bot}"),
        ("post", "/triggers/test?bot_id={bot}"),
    ],
)
def test_foreign_ids_are_not_found(api: APIClient, foreign: Trigger, method: str, path: str) -> None:
    url = path.format(trigger=foreign.pk, bot=foreign.bot_id)

    response = getattr(api, method)(url, {"test_message": "hi"} if "test" in url else {}, format="json")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert TriggerSet.objects.get(bot=foreign.bot).version == 1


def test_list_shows_only_the_organizations_triggers(api: APIClient, flow: Flow, foreign: Trigger) -> None:
    mine = saved(flow)

    assert [row["id"] for row in api.get("/triggers/").json()["results"]] == [mine.pk]


def test_the_browsable_page_names_nothing_foreign(api: APIClient, flow: Flow, foreign: Trigger) -> None:
    saved(flow)

    response = api.get("/triggers/", HTTP_ACCEPT="text/html")

    assert response.status_code == 200
    assert "SECRET" not in response.content.decode()


@pytest.mark.parametrize("query", ["bot_id={bot}", "flow_id={flow}", "flow_id=999999"])
def test_a_foreign_id_filters_as_one_that_does_not_exist(
    api: APIClient, foreign: Trigger, query: str
) -> None:
    response = api.get(f"/triggers/?{query.format(bot=foreign.bot_id, flow=foreign.flow_id)}")

    assert (response.status_code, response.json()["count"]) == (200, 0)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("search=wel", ["Welcome"]),
        ("is_active=false", ["Bye"]),
        ("ordering=name", ["Bye", "Welcome"]),
        ("trigger_type=keyword&ordering=-priority", ["Welcome", "Bye"]),
    ],
)
def test_list_can_be_narrowed_and_ordered(api: APIClient, flow: Flow, query: str, names: list[str]) -> None:
    saved(flow, name="Welcome", priority=5)
    saved(flow, name="Bye", is_active=False)

    assert [row["name"] for row in api.get(f"/triggers/?{query}").json()["results"]] == names


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/triggers/", 3),
        ("/triggers/bot/{bot}", 4),
        ("/triggers/{trigger}/logs", 3),
        ("/triggers/statistics", 3),
    ],
)
def test_lists_cost_the_same_for_many_rows(
    api: APIClient,
    bot: Bot,
    flow: Flow,
    path: str,
    queries: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    trigger = saved(flow, "hi")
    for number in range(5):
        saved(talking.published(bot, send("Hi")), f"word{number}")
    talking.say(talking.phone(bot), "hi", "hi", "hi")
    api.get("/triggers/")  # notes the key's use

    with django_assert_num_queries(queries):  # key, (bot or trigger,) (count,) rows
        assert api.get(path.format(bot=bot.pk, trigger=trigger.pk)).status_code == 200


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("viewer", "get", "/triggers/", 200),
        ("viewer", "get", "/triggers/{trigger}/logs", 200),
        ("viewer", "post", "/triggers/{trigger}/test", 200),
        ("viewer", "post", "/triggers/", 403),
        ("viewer", "patch", "/triggers/{trigger}", 403),
        ("viewer", "delete", "/triggers/{trigger}", 403),
        ("viewer", "post", "/triggers/{trigger}/activate", 403),
        ("viewer", "post", "/triggers/{trigger}/deactivate", 403),
        ("agent", "post", "/triggers/{trigger}/activate", 403),
        ("editor", "post", "/triggers/{trigger}/activate", 200),
        ("editor", "delete", "/triggers/{trigger}", 204),
    ],
)
def test_roles_decide(
    api_for: ApiFor, organization: Organization, flow: Flow, role: str, method: str, path: str, status: int
) -> None:
    url = path.format(trigger=saved(flow).pk)
    body = {"test_message": "hi"} if url.endswith("test") else {}

    assert getattr(api_for(organization, role=role), method)(url, body, format="json").status_code == status


@pytest.mark.parametrize(("method", "path"), [("get", "/triggers/"), ("post", "/triggers/test?bot_id=1")])
def test_without_credentials_is_unauthorised(organization: Organization, method: str, path: str) -> None:
    assert getattr(APIClient(), method)(path).status_code == 401
