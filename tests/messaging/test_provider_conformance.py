"""What every adapter owes its callers, the real one and the offline ones alike."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatboost.messaging.providers import errors, registry
from chatboost.messaging.providers.base import MAX_EXTERNAL_ID, Accepted, Provider, Rejected, Working
from tests.fakes.graph import GraphFake
from tests.messaging.provider_messages import BAD, GOOD, credentials, outbound


@pytest.fixture(params=["whatsapp", "whatsapp_sandbox", "simulator"])
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    with GraphFake() as fake:
        yield registry.create(request.param, credentials(fake.url))


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_send_a_good_message_is_accepted(provider: Provider, changes: dict) -> None:
    assert isinstance(provider.send(outbound(**changes)), Accepted)


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_send_a_bad_message_is_an_invalid_request(provider: Provider, changes: dict) -> None:
    outcome = provider.send(outbound(**changes))

    assert isinstance(outcome, Rejected)
    assert isinstance(outcome.error, errors.InvalidRequest)


def test_send_a_bad_message_says_why(provider: Provider) -> None:
    outcome = provider.send(outbound(content={"text": "x" * 5000}))

    assert "5000" in outcome.error.message


def test_send_in_threads_gives_every_message_its_own_id(provider: Provider) -> None:
    messages = [outbound() for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(provider.send, messages))

    assert len({outcome.external_id for outcome in outcomes}) == len(messages)


def test_send_gives_an_id_that_fits_its_column(provider: Provider) -> None:
    assert 0 < len(provider.send(outbound(tracker="t" * 200)).external_id) <= MAX_EXTERNAL_ID


def test_check_good_credentials_is_working(provider: Provider) -> None:
    assert isinstance(provider.check(), Working)


def test_repr_hides_the_token() -> None:
    assert "secret-token" not in repr(credentials("http://127.0.0.1", access_token="secret-token"))
