"""The Graph fake itself: a fake that lies makes every test above it worthless."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatboost.messaging.webhooks import signature, whatsapp_payload
from tests.fakes import graph, graph_validation
from tests.fakes.faults import Fault, Rule
from tests.fakes.graph import GraphFake, NumberState, PhoneNumber, StatusPlan
from tests.fakes.receiver import WebhookReceiver

PATH = f"/v22.0/{graph.DEFAULT_NUMBER_ID}"
REQUESTS = graph_validation.SCHEMA_PATH.parents[1] / "samples" / "send-requests"
# Faulty in the published file itself: a placeholder for a header type, an interactive body without a type.
FAULTY_SAMPLES = {"send_multi_product_message", "send_reply_to_list_message"}
NOT_A_SEND = {"send_typing_indicator_and_read_receipt"}
SAMPLES = [path for path in sorted(REQUESTS.glob("*.json")) if path.stem not in FAULTY_SAMPLES | NOT_A_SEND]


def text(**changes: Any) -> dict[str, Any]:
    body = {"messaging_product": "whatsapp", "to": "+15550001234", "type": "text", "text": {"body": "Hi"}}
    given = {**body, "biz_opaque_callback_data": "t-1", **changes}
    return {name: value for name, value in given.items() if value is not None}


def call(
    fake: GraphFake, method: str, path: str, body: object = None, token: str | None = graph.DEFAULT_TOKEN
) -> tuple[int, Any]:
    """Make one request with nothing but the standard library."""
    connection = http.client.HTTPConnection(fake.url.removeprefix("http://"), timeout=5)
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        raw = answer.read()
        is_json = answer.headers["Content-Type"].startswith("application/json")
        return answer.status, json.loads(raw) if is_json else raw
    finally:
        connection.close()


def send(fake: GraphFake, **changes: Any) -> tuple[int, Any]:
    return call(fake, "POST", f"{PATH}/messages", text(**changes))


def until(condition: Any, timeout: float = 5.0) -> bool:
    """Wait for something that another thread does."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture
def fake() -> Iterator[GraphFake]:
    with GraphFake() as running:
        yield running


# Sending.


def test_send_answers_in_the_published_shape(fake: GraphFake) -> None:
    status, answer = send(fake)

    assert status == 200
    assert answer == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+15550001234", "wa_id": "15550001234"}],
        "messages": [{"id": fake.ledger[0]["wamid"]}],
    }


def test_send_to_a_user_id_answers_with_it(fake: GraphFake) -> None:
    _, answer = send(fake, to=None, recipient="US.1")

    assert answer["contacts"] == [{"input": "US.1", "user_id": "US.1"}]


def test_send_writes_the_ledger_in_order(fake: GraphFake) -> None:
    for tracker in ("a", "b", "a"):
        send(fake, biz_opaque_callback_data=tracker)

    assert [entry["tracker"] for entry in fake.ledger] == ["a", "b", "a"]
    assert fake.doubled_trackers() == ["a"]


def test_send_writes_the_ledger_to_a_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with GraphFake(ledger_path=path) as fake:
        send(fake)
        (line,) = path.read_text(encoding="utf-8").splitlines()

    assert json.loads(line)["tracker"] == "t-1"


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_send_without_the_right_token_is_401_with_code_190(fake: GraphFake, token: str | None) -> None:
    status, answer = call(fake, "POST", f"{PATH}/messages", text(), token)

    assert (status, answer["error"]["code"], fake.ledger) == (401, 190, [])


def test_send_from_an_unknown_number_is_100_33(fake: GraphFake) -> None:
    _, answer = call(fake, "POST", "/v22.0/999/messages", text())

    assert (answer["error"]["code"], answer["error"]["error_subcode"]) == (100, 33)


@pytest.mark.parametrize(("state", "code"), [("unregistered", 133010), ("restricted", 131031)])
def test_send_from_a_stopped_number_is_refused(fake: GraphFake, state: str, code: int) -> None:
    fake.set_number(PhoneNumber(state=NumberState(state)))

    assert send(fake)[1]["error"]["code"] == code


@pytest.mark.parametrize(
    "changes",
    [
        {"messaging_product": None},
        {"to": None},
        {"text": None},
        {"text": {"body": ""}},
        {"text": {"body": "x" * 4097}},
        {"type": "interactive", "interactive": {"type": "button", "body": {"text": "b"}, "action": {}}},
        {"biz_opaque_callback_data": "x" * 513},
    ],
    ids=repr,
)
def test_send_a_bad_body_is_refused(fake: GraphFake, changes: dict) -> None:
    status, answer = send(fake, **changes)

    assert status == 400
    assert answer["error"]["code"] in (131008, 131009)


def test_send_something_that_is_no_json_is_refused(fake: GraphFake) -> None:
    assert call(fake, "POST", f"{PATH}/messages", None)[0] == 400


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_send_published_samples_are_accepted(fake: GraphFake, path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))

    assert call(fake, "POST", f"{PATH}/messages", body)[0] == 200


def test_show_number_gives_the_fields_asked_for(fake: GraphFake) -> None:
    _, answer = call(fake, "GET", f"{PATH}?fields=id,quality_rating")

    assert answer == {"id": graph.DEFAULT_NUMBER_ID, "quality_rating": "GREEN"}


# Faults.


def test_fault_error_refuses_with_retry_after(fake: GraphFake) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=429, code=130429, retry_after="7"))

    status, answer = send(fake)

    assert (status, answer["error"]["code"], fake.ledger) == (429, 130429, [])


def test_fault_accept_then_500_has_accepted(fake: GraphFake) -> None:
    fake.play(Rule(fault=Fault.ACCEPT_THEN_500))

    assert (send(fake)[0], len(fake.ledger)) == (500, 1)


@pytest.mark.parametrize(
    ("fault", "accepted_count"), [(Fault.ACCEPT_THEN_RESET, 1), (Fault.RESET_BEFORE_ACCEPT, 0)]
)
def test_fault_reset_cuts_the_connection(fake: GraphFake, fault: Fault, accepted_count: int) -> None:
    fake.play(Rule(fault=fault))

    with pytest.raises(ConnectionResetError):
        send(fake)
    assert len(fake.ledger) == accepted_count


def test_fault_accept_then_hang_ends_without_an_answer(fake: GraphFake) -> None:
    fake.play(Rule(fault=Fault.ACCEPT_THEN_HANG, seconds=0.05))

    with pytest.raises(http.client.RemoteDisconnected):
        send(fake)
    assert len(fake.ledger) == 1


def test_fault_hold_accepts_nothing_before_the_release(fake: GraphFake) -> None:
    fake.play(Rule(fault=Fault.HOLD))
    sender = threading.Thread(target=send, args=(fake,))
    sender.start()
    assert until(lambda: fake.attempts)
    held_count = len(fake.ledger)

    # The attempt is noted just before the wait begins, so a single release might come too early.
    assert until(lambda: fake.release() or fake.ledger)
    sender.join()

    assert held_count == 0


def test_fault_trickle_sends_the_answer_slowly_and_whole(fake: GraphFake) -> None:
    fake.play(Rule(fault=Fault.TRICKLE, seconds=0.001))
    started_at = time.monotonic()

    status, answer = send(fake)

    assert (status, answer["messages"][0]["id"]) == (200, fake.ledger[0]["wamid"])
    assert time.monotonic() - started_at > 0.1


def test_fault_is_noted_beside_the_attempt(fake: GraphFake) -> None:
    fake.play(Rule(fault=Fault.ERROR, match={"tracker": "bad"}))
    for tracker in ("good", "bad"):
        send(fake, biz_opaque_callback_data=tracker)

    assert [(a["tracker"], a["fault"]) for a in fake.attempts] == [("good", None), ("bad", "error")]


# Webhooks.


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


def words(receiver: WebhookReceiver, count: int) -> list[str]:
    bodies = [json.loads(request.body) for request in receiver.wait_for(count)]
    return [body["entry"][0]["changes"][0]["value"]["statuses"][0]["status"] for body in bodies]


def test_statuses_come_in_order_with_our_tracker(receiver: WebhookReceiver) -> None:
    with GraphFake(webhook_url=receiver.url) as fake:
        send(fake)
        requests = receiver.wait_for(3)

    updates = [
        whatsapp_payload.parse_status(whatsapp_payload.split(request.body)[0].payload) for request in requests
    ]
    assert [(update.status.value, update.tracker) for update in updates] == [
        ("sent", "t-1"),
        ("delivered", "t-1"),
        ("read", "t-1"),
    ]
    assert {update.external_id for update in updates} == {fake.ledger[0]["wamid"]}


def test_statuses_are_signed(receiver: WebhookReceiver) -> None:
    with GraphFake(webhook_url=receiver.url, app_secret="s") as fake:
        send(fake)
        (request,) = receiver.wait_for(1)[:1]

    assert signature.verify(request.body, request.headers["x-hub-signature-256"], ["s"])


def test_statuses_shuffled_and_doubled_are_the_same_ones(receiver: WebhookReceiver) -> None:
    plan = StatusPlan(shuffle=True, copies=2, delay=(0.001, 0.002))
    with GraphFake(webhook_url=receiver.url, statuses=plan, seed=3) as fake:
        send(fake)
        seen = words(receiver, 6)

    assert sorted(seen) == sorted(["sent", "delivered", "read"] * 2)
    assert seen[::2] == seen[1::2] != ["sent", "delivered", "read"]


def test_statuses_without_words_do_not_come(receiver: WebhookReceiver) -> None:
    with GraphFake(webhook_url=receiver.url, statuses=StatusPlan(words=())) as fake:
        send(fake)
        fake.deliver({"marker": True})
        (request,) = receiver.wait_for(1)

    assert json.loads(request.body) == {"marker": True}


def test_statuses_of_a_silent_number_do_not_come(receiver: WebhookReceiver) -> None:
    with GraphFake(webhook_url=receiver.url, silent_numbers=[graph.DEFAULT_NUMBER_ID]) as fake:
        send(fake)
        fake.deliver({"marker": True})
        (request,) = receiver.wait_for(1)

    assert json.loads(request.body) == {"marker": True}


def test_fault_accept_then_fail_reports_the_code(receiver: WebhookReceiver) -> None:
    with GraphFake(webhook_url=receiver.url) as fake:
        fake.play(Rule(fault=Fault.ACCEPT_THEN_FAIL, code=131026))
        status, _ = send(fake)
        (request,) = receiver.wait_for(1)

    update = whatsapp_payload.parse_status(whatsapp_payload.split(request.body)[0].payload)
    assert (status, update.status.value, update.errors[0].code) == (200, "failed", 131026)


def test_webhook_that_is_refused_comes_again() -> None:
    with (
        WebhookReceiver(lambda count: 500 if count == 1 else 200) as receiver,
        GraphFake(webhook_url=receiver.url) as fake,
    ):
        fake.deliver({"marker": True})
        first, second = receiver.wait_for(2)
        assert fake.wait_until_webhooks_are_delivered()

    assert first.body == second.body


def test_webhook_to_another_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="this machine"):
        GraphFake(webhook_url="http://192.0.2.1/webhook")


# The doors for whoever plays with it.


def test_control_script_plays_faults_and_lists_attempts(fake: GraphFake) -> None:
    rules = [{"fault": "error", "status": 403, "code": 131031, "times": 1}]
    call(fake, "POST", "/__fake__/script", {"rules": rules, "seed": 1})

    assert [send(fake)[0] for _ in range(2)] == [403, 200]
    assert len(call(fake, "GET", "/__fake__/attempts")[1]["attempts"]) == 2


def test_control_ledger_shows_accepted_sends(fake: GraphFake) -> None:
    send(fake)

    assert call(fake, "GET", "/__fake__/ledger")[1] == {"sends": fake.ledger}


def test_control_numbers_changes_a_number(fake: GraphFake) -> None:
    call(fake, "POST", "/__fake__/numbers", {"id": graph.DEFAULT_NUMBER_ID, "state": "restricted"})

    assert send(fake)[0] == 400


def test_control_statuses_changes_the_plan(fake: GraphFake) -> None:
    call(fake, "POST", "/__fake__/statuses", {"words": ["sent"], "delay": [0, 1], "copies": 2})

    assert fake.statuses == StatusPlan(words=["sent"], delay=(0.0, 1.0), copies=2)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("script", {"rules": [{"fault": "explode"}]}),
        ("script", {}),
        ("numbers", {"state": "odd"}),
        ("deliver", {}),
        ("nonsense", {}),
    ],
)
def test_control_mistakes_are_told(fake: GraphFake, path: str, body: dict) -> None:
    status, answer = call(fake, "POST", f"/__fake__/{path}", body)

    assert (status, list(answer)) == (400, ["error"])


def test_stop_lets_go_of_held_requests() -> None:
    with GraphFake() as fake:
        fake.play(Rule(fault=Fault.ACCEPT_THEN_HANG, seconds=60))
        failures: list[Exception] = []

        def try_to_send() -> None:
            try:
                send(fake)
            except (OSError, http.client.HTTPException) as error:
                failures.append(error)

        sender = threading.Thread(target=try_to_send)
        sender.start()
        assert until(lambda: fake.ledger)

    sender.join(5)
    assert len(failures) == 1
