"""The offline adapters: repeatable, labelled, and without a network."""

import pytest

from chatboost.messaging.providers import registry
from tests.messaging.provider_messages import credentials, outbound

# Nothing listens here: an adapter that tried to connect would fail.
NOWHERE = "http://127.0.0.1:1"


@pytest.mark.parametrize(("kind", "prefix"), [("whatsapp_sandbox", "sandbox."), ("simulator", "simulator.")])
def test_send_makes_the_id_from_the_tracker(kind: str, prefix: str) -> None:
    provider = registry.create(kind, credentials(NOWHERE))
    message = outbound(tracker="c7d4")

    assert provider.send(message).external_id == f"{prefix}c7d4"


@pytest.mark.parametrize("kind", ["whatsapp_sandbox", "simulator"])
def test_send_twice_gives_the_same_id(kind: str) -> None:
    message = outbound()
    first, second = (registry.create(kind, credentials(NOWHERE)).send(message) for _ in range(2))

    assert first == second
