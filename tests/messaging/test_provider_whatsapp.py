"""The Cloud API adapter against the fake: which answers are certain, which aren't."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatboost.messaging.providers import errors
from chatboost.messaging.providers.base import Accepted, Rejected, Unknown, Working
from chatboost.messaging.providers.whatsapp import WhatsAppProvider
from tests.fakes import graph
from tests.fakes.faults import Fault, Rule
from tests.fakes.graph import GraphFake, NumberState, PhoneNumber
from tests.messaging.provider_messages import credentials, outbound

IMPATIENT = timedelta(milliseconds=300)


@pytest.fixture
def fake() -> Iterator[GraphFake]:
    with GraphFake() as running:
        yield running


@pytest.fixture
def provider(fake: GraphFake) -> WhatsAppProvider:
    return WhatsAppProvider(credentials(fake.url))


def refused_with(provider: WhatsAppProvider) -> errors.ProviderError:
    outcome = provider.send(outbound())
    assert isinstance(outcome, Rejected)
    return outcome.error


def test_send_reaches_the_vendor_with_our_tracker(fake: GraphFake, provider: WhatsAppProvider) -> None:
    outcome = provider.send(outbound(tracker="our-id"))

    assert [(entry["tracker"], entry["wamid"]) for entry in fake.ledger] == [("our-id", outcome.external_id)]


def test_send_a_bad_message_makes_no_request(fake: GraphFake, provider: WhatsAppProvider) -> None:
    provider.send(outbound(content={"text": ""}))

    assert fake.attempts == []


def test_send_held_for_quality_is_accepted_but_held(fake: GraphFake, provider: WhatsAppProvider) -> None:
    body = {"messages": [{"id": "wamid.H", "message_status": "held_for_quality_assessment"}]}
    fake.play(Rule(fault=Fault.ACCEPT_THEN_ANSWER, status=200, body=json.dumps(body)))

    outcome = provider.send(outbound())

    assert outcome == Accepted("wamid.H", "held_for_quality_assessment")
    assert outcome.is_held


# What is certainly not accepted.


def test_send_to_a_closed_port_is_transient() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        error = refused_with(WhatsAppProvider(credentials(url)))

    assert isinstance(error, errors.Transient)


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        (131016, errors.Transient),
        (131047, errors.WindowClosed),
        (131026, errors.RecipientUnreachable),
        (130429, errors.RateLimited),
        (190, errors.AuthFailed),
    ],
)
def test_send_refused_with_a_known_code_is_certain_whatever_the_status(
    fake: GraphFake, provider: WhatsAppProvider, status: int, code: int, error_class: type
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=status, code=code, message="No"))

    error = refused_with(provider)

    assert (type(error), error.code) == (error_class, code)


def test_send_refused_keeps_the_vendors_words(fake: GraphFake, provider: WhatsAppProvider) -> None:
    body = {"error": {"code": 131030, "message": "Not allowed", "error_data": {"details": "Add the number."}}}
    fake.play(Rule(fault=Fault.ANSWER, status=400, body=json.dumps(body)))

    assert refused_with(provider).message == "Not allowed: Add the number."


def test_send_refused_with_an_unlisted_code_is_an_unknown_code(
    fake: GraphFake, provider: WhatsAppProvider
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=400, code=139999))

    assert isinstance(refused_with(provider), errors.UnknownCode)


def test_send_429_without_a_readable_body_is_rate_limited(
    fake: GraphFake, provider: WhatsAppProvider
) -> None:
    fake.play(Rule(fault=Fault.ANSWER, status=429, body="<html>", retry_after="7"))

    assert refused_with(provider) == errors.RateLimited(
        message="HTTP 429 without a readable error",
        scope=errors.Scope.CHANNEL,
        retry_after=timedelta(seconds=7),
    )


def test_send_429_with_an_unlisted_code_is_rate_limited(fake: GraphFake, provider: WhatsAppProvider) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=429, code=139999))

    assert isinstance(refused_with(provider), errors.RateLimited)


@pytest.mark.parametrize(("status", "error_class"), [(408, errors.Transient), (404, errors.BadResponse)])
def test_send_4xx_without_a_readable_body_was_not_accepted(
    fake: GraphFake, provider: WhatsAppProvider, status: int, error_class: type
) -> None:
    fake.play(Rule(fault=Fault.ANSWER, status=status, body="<html>proxy</html>"))

    assert isinstance(refused_with(provider), error_class)


def test_send_redirected_is_a_bad_response(fake: GraphFake, provider: WhatsAppProvider) -> None:
    fake.play(Rule(fault=Fault.ANSWER, status=302))

    assert isinstance(refused_with(provider), errors.BadResponse)


# What nobody knows.


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_send_5xx_without_a_known_code_is_unknown(
    fake: GraphFake, provider: WhatsAppProvider, status: int
) -> None:
    fake.play(
        Rule(fault=Fault.ANSWER, status=status, body="<html>", times=1),
        Rule(fault=Fault.ERROR, status=status, code=139999),
    )

    outcomes = [provider.send(outbound()) for _ in range(2)]

    assert all(isinstance(outcome, Unknown) for outcome in outcomes)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.ACCEPT_THEN_500,
        Fault.ACCEPT_THEN_RESET,
        Fault.ACCEPT_THEN_HANG,
        Fault.RESET_BEFORE_ACCEPT,
    ],
)
def test_send_without_a_whole_answer_is_unknown(fake: GraphFake, fault: Fault) -> None:
    fake.play(Rule(fault=fault))

    assert isinstance(WhatsAppProvider(credentials(fake.url, deadline=IMPATIENT)).send(outbound()), Unknown)


def test_send_answered_byte_by_byte_ends_at_the_deadline(fake: GraphFake) -> None:
    fake.play(Rule(fault=Fault.TRICKLE, seconds=0.05))

    assert isinstance(WhatsAppProvider(credentials(fake.url, deadline=IMPATIENT)).send(outbound()), Unknown)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>welcome to the hotel network</html>",
        "[]",
        "{}",
        '{"messages": []}',
        '{"messages": {"id": "wamid.A"}}',
        '{"messages": [{"id": ""}]}',
        '{"messages": [{"id": 7}]}',
        '{"messages": [{"id": "a\\u0000b"}]}',
        '{"messages": [{"id": "' + "x" * 256 + '"}]}',
        '{"messages": ["wamid.A"]}',
        '{"error": {"code": 139999}}',
        '{"error": "soft"}',
        "[" * 20000,
        '{"messages": [{"id": "wamid.A"}], "pad": "' + "x" * 300_000 + '"}',
    ],
    ids=lambda body: body[:30],
)
def test_send_success_without_an_id_is_unknown(
    fake: GraphFake, provider: WhatsAppProvider, body: str
) -> None:
    fake.play(Rule(fault=Fault.ACCEPT_THEN_ANSWER, status=200, body=body))

    assert isinstance(provider.send(outbound()), Unknown)


# Waiting.


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", timedelta(seconds=7)),
        ("0", timedelta(0)),
        ("999999999999", timedelta(days=1)),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("Wed, 99 Foo 2030 00:00:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta(0)),
    ],
)
def test_send_throttled_reads_retry_after(
    fake: GraphFake, provider: WhatsAppProvider, header: str, wait: timedelta | None
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=429, code=130429, retry_after=header))

    assert refused_with(provider).retry_after == wait


def test_send_throttled_reads_retry_after_as_a_date(fake: GraphFake, provider: WhatsAppProvider) -> None:
    at = datetime.now(UTC) + timedelta(seconds=90)
    fake.play(Rule(fault=Fault.ERROR, status=429, code=130429, retry_after=format_datetime(at, usegmt=True)))

    wait = refused_with(provider).retry_after

    assert timedelta(seconds=60) < wait <= timedelta(seconds=91)


# Credentials.


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX-Evil: 1", "naïve", "ключ"])
def test_send_with_a_token_no_header_can_carry_makes_no_request(fake: GraphFake, token: str) -> None:
    refused_with(WhatsAppProvider(credentials(fake.url, access_token=token)))

    assert fake.attempts == []


@pytest.mark.parametrize("token", ["wrong", "", "two words", "line\r\nX-Evil: 1", "naïve", "ключ"])
def test_send_with_an_unusable_token_is_auth_failed(fake: GraphFake, token: str) -> None:
    error = refused_with(WhatsAppProvider(credentials(fake.url, access_token=token)))

    assert isinstance(error, errors.AuthFailed)
    assert error.disables_channel


def test_send_never_repeats_the_token_in_a_message(fake: GraphFake, provider: WhatsAppProvider) -> None:
    body = {"error": {"code": 190, "message": f"Malformed access token {graph.DEFAULT_TOKEN}"}}
    fake.play(Rule(fault=Fault.ANSWER, status=401, body=json.dumps(body)))

    assert refused_with(provider).message == "Malformed access token [token]"


@pytest.mark.parametrize("number_id", ["999", "../me", f"{graph.DEFAULT_NUMBER_ID}/messages?", "é\n", ""])
def test_send_from_a_number_that_is_not_ours_is_refused_for_good(fake: GraphFake, number_id: str) -> None:
    error = refused_with(WhatsAppProvider(credentials(fake.url, phone_number_id=number_id)))

    assert not error.retryable


@pytest.mark.parametrize("base_url", ["", "graph.facebook.com", "ftp://127.0.0.1"])
def test_send_with_an_unusable_address_is_a_setup_problem(base_url: str) -> None:
    assert isinstance(refused_with(WhatsAppProvider(credentials(base_url))), errors.ChannelMisconfigured)


@pytest.mark.parametrize(
    ("state", "error_class"),
    [
        (NumberState.UNREGISTERED, errors.ChannelMisconfigured),
        (NumberState.RESTRICTED, errors.AccountStopped),
    ],
)
def test_send_from_a_stopped_number_stops_the_channel(
    fake: GraphFake, provider: WhatsAppProvider, state: NumberState, error_class: type
) -> None:
    fake.set_number(PhoneNumber(state=state))

    error = refused_with(provider)

    assert isinstance(error, error_class)
    assert error.disables_channel


def test_check_tells_the_number_and_its_quality(provider: WhatsAppProvider) -> None:
    assert provider.check() == Working(
        display_phone_number="+1 555-0100", verified_name="Fiction Flowers", quality_rating="GREEN"
    )


def test_check_with_a_wrong_token_is_auth_failed(fake: GraphFake) -> None:
    outcome = WhatsAppProvider(credentials(fake.url, access_token="wrong")).check()

    assert isinstance(outcome, Rejected)
    assert isinstance(outcome.error, errors.AuthFailed)


def test_check_sends_nothing(fake: GraphFake, provider: WhatsAppProvider) -> None:
    provider.check()

    assert fake.attempts == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
graph_words = st.sampled_from(
    ["error", "code", "message", "error_data", "details", "messages", "id", "error_subcode", "message_status"]
)
graphish = st.dictionaries(
    graph_words,
    json_values
    | st.dictionaries(graph_words, json_values)
    | st.lists(st.dictionaries(graph_words, json_values)),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    status=st.sampled_from([200, 201, 301, 400, 401, 404, 429, 500, 503]),
    body=graphish.map(json.dumps) | json_values.map(json.dumps) | st.text(max_size=40),
    retry_after=st.none() | st.sampled_from(["", "1", "²", "9" * 40, "Mon, 01 Jan 0001 00:00:00 GMT"]),
)
def test_send_mutated_answers_never_raise(
    fake: GraphFake, provider: WhatsAppProvider, status: int, body: str, retry_after: str | None
) -> None:
    usable = body.encode("utf-8", "replace").decode()
    header = retry_after.encode("latin-1", "replace").decode("latin-1") if retry_after is not None else None
    fake.play(Rule(fault=Fault.ANSWER, status=status, body=usable, retry_after=header))

    assert isinstance(provider.send(outbound()), Accepted | Rejected | Unknown)


def test_send_accepted_then_lost_is_found_by_its_tracker(fake: GraphFake, provider: WhatsAppProvider) -> None:
    fake.play(
        Rule(fault=Fault.ACCEPT_THEN_500, probability=0.2),
        Rule(fault=Fault.ACCEPT_THEN_RESET, probability=0.2),
        seed=7,
    )
    messages = [outbound() for _ in range(50)]

    unclear = [message.tracker for message in messages if isinstance(provider.send(message), Unknown)]

    assert unclear
    assert set(unclear) <= {entry["tracker"] for entry in fake.ledger}
