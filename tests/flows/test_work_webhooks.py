"""Webhook nodes: called outside any transaction, repeated with one key, answered into the state."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.messaging.models import Bot
from flows.models import DeliveryState, Execution, ExecutionState, WebhookDelivery
from flows.services import executions
from teams.models import Organization
from tests import factories
from tests.fakes.server import Answer, Delivery, LoopbackServer, Request, json_answer
from tests.flows import talking
from tests.flows.engine_runs import send

LATER = timedelta(minutes=5)


class Peer:
    """Somebody's server: remembers requests, answers as told."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: Callable[[int], Answer] = lambda count: json_answer({"id": 7})
        self.server = LoopbackServer(self._respond)

    @property
    def host(self) -> str:
        return self.server.url.removeprefix("http://")

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answers(len(self.requests))


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


@pytest.fixture
def peer(settings: Settings) -> Iterator[Peer]:
    peer = Peer()
    settings.FETCH_ALLOWED_PRIVATE_HOSTS = [peer.host]
    with peer.server:
        yield peer


def call(url: str, **config: Any) -> talking.NodeParts:
    """Make a webhook node that goes on to 1, or to 2 after an error."""
    return "webhook_action", {
        "url": url,
        "method": "POST",
        "store_response_in": "state.api_result",
        "next": 1,
        "error_path": 2,
        **config,
    }


def run(bot: Bot, node: talking.NodeParts, *, rounds: int = 1, **variables: Any) -> Execution:
    """Start a flow with the node and do its work, with time for back-off between the rounds."""
    flow = talking.published(bot, node, send("Good: {{state.api_result.id}}"), send("Bad"))
    with clock.frozen(talking.NOW):
        execution = talking.begin(flow, **variables)
    for number in range(rounds):
        with clock.frozen(talking.NOW + number * LATER):
            talking.work()
    return talking.fresh(execution)


def test_the_call_is_made_by_work_and_not_while_starting(bot: Bot, peer: Peer) -> None:
    execution = talking.begin(talking.published(bot, call(peer.server.url), send("Good"), send("Bad")))

    assert execution.state == ExecutionState.WAITING_WEBHOOK
    assert WebhookDelivery.objects.get().state == DeliveryState.QUEUED
    assert peer.requests == []


def test_an_answer_is_stored_and_the_flow_goes_on(bot: Bot, peer: Peer) -> None:
    execution = run(bot, call(peer.server.url))

    assert execution.state == ExecutionState.COMPLETED
    assert talking.told(bot) == ["Good: 7"]
    assert talking.variables(execution) == {
        "api_result": {"id": 7},
        "api_result_status": 200,
        "api_result_error": None,
    }
    assert WebhookDelivery.objects.get().state == DeliveryState.ANSWERED


def test_the_request_is_filled_in(bot: Bot, peer: Peer) -> None:
    node = call(
        f"{peer.server.url}/orders/{{{{state.user_data}}}}",
        headers={"Authorization": "Bearer {{state.api_token}}"},
        body={"data": "{{state.user_data}}"},
    )

    run(bot, node, api_token="s3cret", user_data="a b")

    (request,) = peer.requests
    assert (request.method, request.path) == ("POST", "/orders/a%20b")
    assert request.headers["authorization"] == "Bearer s3cret"
    assert request.headers["content-type"] == "application/json"
    assert request.json() == {"data": "a b"}


def test_a_get_has_no_body(bot: Bot, peer: Peer) -> None:
    run(bot, call(peer.server.url, method="GET"))

    (request,) = peer.requests
    assert (request.method, request.body, "content-type" in request.headers) == ("GET", b"", False)


def test_a_body_of_text_goes_as_it_is(bot: Bot, peer: Peer) -> None:
    run(
        bot,
        call(peer.server.url, body="hello {{state.name}}", headers={"Content-Type": "text/plain"}),
        name="Ann",
    )

    (request,) = peer.requests
    assert (request.body, request.headers["content-type"]) == (b"hello Ann", "text/plain")


def test_a_url_longer_than_what_is_shown_is_called_in_full(bot: Bot, peer: Peer) -> None:
    run(bot, call(f"{peer.server.url}/?note={{{{state.note}}}}"), note="x" * 4000)

    (request,) = peer.requests
    assert request.query["note"] == "x" * 4000
    assert len(WebhookDelivery.objects.get().url) == 2000


def test_an_answer_that_is_no_json_is_stored_as_text(bot: Bot, peer: Peer) -> None:
    peer.answers = lambda count: Answer(body=b"all fine", content_type="text/plain")

    execution = run(bot, call(peer.server.url))

    assert talking.variables(execution)["api_result"] == "all fine"


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_bad_status_is_an_error_at_once(bot: Bot, peer: Peer, status: int) -> None:
    peer.answers = lambda count: json_answer({"why": "broken"}, status=status)

    execution = run(bot, call(peer.server.url), rounds=2)

    assert talking.told(bot) == ["Bad"]
    assert talking.variables(execution) == {
        "api_result": {"why": "broken"},
        "api_result_status": status,
        "api_result_error": f"http_{status}",
    }
    assert len(peer.requests) == 1


def test_an_error_without_a_path_of_its_own_goes_on(bot: Bot, peer: Peer) -> None:
    peer.answers = lambda count: json_answer({"id": 8}, status=500)

    run(bot, call(peer.server.url, error_path=None))

    assert talking.told(bot) == ["Good: 8"]


def test_a_retry_carries_the_same_key(bot: Bot, peer: Peer) -> None:
    peer.answers = lambda count: json_answer({"id": count}, status=503 if count == 1 else 200)

    run(bot, call(peer.server.url), rounds=2)

    keys = [request.headers["idempotency-key"] for request in peer.requests]
    assert keys == [str(WebhookDelivery.objects.get().uuid)] * 2
    assert talking.told(bot) == ["Good: 2"]


def test_a_retry_waits_for_its_back_off(bot: Bot, peer: Peer, settings: Settings) -> None:
    settings.WORK_BACKOFF_BASE = timedelta(seconds=60)
    peer.answers = lambda count: json_answer({}, status=503)

    execution = run(bot, call(peer.server.url))

    assert len(peer.requests) == 1
    assert execution.state == ExecutionState.WAITING_WEBHOOK


def test_a_server_that_stays_down_is_called_three_times(bot: Bot, peer: Peer) -> None:
    peer.answers = lambda count: json_answer({}, status=503)

    execution = run(bot, call(peer.server.url), rounds=5)

    assert len(peer.requests) == 3
    assert talking.told(bot) == ["Bad"]
    assert talking.variables(execution)["api_result_error"] == "http_503"
    assert not WorkItem.objects.filter(kind="flows.webhook").exists()


def test_a_connection_that_is_reset_is_tried_again(bot: Bot, peer: Peer) -> None:
    peer.answers = lambda count: Answer(delivery=Delivery.RESET) if count == 1 else json_answer({"id": 9})

    run(bot, call(peer.server.url), rounds=2)

    assert talking.told(bot) == ["Good: 9"]


def test_calls_of_two_executions_have_keys_of_their_own(bot: Bot, peer: Peer) -> None:
    flow = talking.published(bot, call(peer.server.url), send("Good"), send("Bad"))
    for _ in range(2):
        talking.begin(flow)

    talking.work()

    assert len({request.headers["idempotency-key"] for request in peer.requests}) == 2


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:9/", "url_port_refused"),
        ("http://127.0.0.1/", "url_address_refused"),
        ("http://169.254.169.254/latest/", "url_address_refused"),
        ("http://localhost/", "url_host_refused"),
    ],
)
def test_a_private_address_is_refused_for_good(bot: Bot, url: str, code: str) -> None:
    execution = run(bot, call(url), rounds=2)

    delivery = WebhookDelivery.objects.get()
    assert talking.told(bot) == ["Bad"]
    assert talking.variables(execution)["api_result_error"] == code
    assert (delivery.state, delivery.attempt_count, delivery.error) == (DeliveryState.FAILED, 1, code)


def test_a_port_that_nobody_listens_on_is_an_error_after_the_retries(bot: Bot, settings: Settings) -> None:
    closed = LoopbackServer(lambda request: Answer())
    host = closed.url.removeprefix("http://")
    closed._server.server_close()
    settings.FETCH_ALLOWED_PRIVATE_HOSTS = [host]

    execution = run(bot, call(f"http://{host}/"), rounds=4)

    assert talking.variables(execution)["api_result_error"] == "not_sent"
    assert WebhookDelivery.objects.get().attempt_count == 3


def test_an_answer_over_the_limit_is_an_error_and_not_asked_for_again(
    bot: Bot, peer: Peer, settings: Settings
) -> None:
    settings.FLOW_WEBHOOK_MAX_BYTES = 100
    peer.answers = lambda count: json_answer(["x" * 200])

    execution = run(bot, call(peer.server.url), rounds=2)

    assert len(peer.requests) == 1
    assert talking.variables(execution)["api_result_error"] == "answer_too_large"


def test_an_answer_after_the_end_is_nobodys(bot: Bot, peer: Peer) -> None:
    execution = talking.begin(talking.published(bot, call(peer.server.url), send("Good"), send("Bad")))
    executions.cancel(execution=execution)

    talking.work()

    assert talking.fresh(execution).state == ExecutionState.CANCELLED
    assert talking.told(bot) == []


def test_an_answer_to_an_older_call_is_nobodys(bot: Bot, peer: Peer) -> None:
    first = call(f"{peer.server.url}/first", error_path=None)
    second = call(f"{peer.server.url}/second", next=2, store_response_in="state.second")
    flow = talking.published(bot, first, second, send("End"))
    with clock.frozen(talking.NOW):
        execution = talking.begin(flow)
        peer.answers = lambda count: json_answer({}, status=503)
        talking.work()
        executions.resume(execution=execution)
    peer.answers = lambda count: json_answer({"call": count})
    with clock.frozen(talking.NOW + LATER):
        talking.work()

    assert [request.path for request in peer.requests] == ["/first", "/first", "/second"]
    assert talking.variables(execution)["second"] == {"call": 3}
    assert talking.variables(execution)["api_result_error"] == "skipped"


def active_for(bot: Bot, peer: Peer, seconds: int) -> Execution:
    """Start a flow whose one call is made so many seconds after it was wanted."""
    with clock.frozen(talking.NOW):
        execution = talking.begin(
            talking.published(bot, call(peer.server.url), send("Good: {{state.api_result.id}}"), send("Bad"))
        )
    with clock.frozen(talking.NOW + timedelta(seconds=seconds)):
        talking.work()
    return talking.fresh(execution)


def test_execution_that_was_active_for_too_long_fails(bot: Bot, peer: Peer, settings: Settings) -> None:
    settings.FLOW_EXECUTION_TIMEOUT = timedelta(seconds=60)
    execution = active_for(bot, peer, 61)
    assert (execution.state, execution.error_code) == (ExecutionState.FAILED, "execution_timeout")
    assert talking.told(bot) == []


def test_execution_within_its_time_goes_on(bot: Bot, peer: Peer, settings: Settings) -> None:
    settings.FLOW_EXECUTION_TIMEOUT = timedelta(seconds=60)
    assert active_for(bot, peer, 60).state == ExecutionState.COMPLETED
    assert talking.told(bot) == ["Good: 7"]


def test_the_token_is_in_no_readable_column(bot: Bot, peer: Peer) -> None:
    run(
        bot,
        call(peer.server.url, headers={"Authorization": "Bearer {{state.api_token}}"}),
        api_token="s3cret",
    )

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM flows_webhookdelivery")
        assert "s3cret" not in repr(cursor.fetchall())
