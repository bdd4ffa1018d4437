"""Which adapter serves which kind of channel."""

import pytest

from chatboost.messaging.providers import registry
from chatboost.messaging.providers.sandbox import SandboxProvider
from chatboost.messaging.providers.simulator import SimulatorProvider
from chatboost.messaging.providers.whatsapp import WhatsAppProvider
from tests.messaging.provider_messages import credentials

ANYWHERE = credentials("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("kind", "adapter"),
    [
        ("whatsapp", WhatsAppProvider),
        ("whatsapp_sandbox", SandboxProvider),
        ("simulator", SimulatorProvider),
    ],
)
def test_create_a_known_kind_gives_its_adapter(kind: str, adapter: type) -> None:
    assert type(registry.create(kind, ANYWHERE)) is adapter


def test_create_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(registry.UnknownProviderKind):
        registry.create("pigeon", ANYWHERE)


def test_register_a_taken_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="already registered"):
        registry.register("whatsapp", SandboxProvider)


def test_kinds_lists_the_registered() -> None:
    assert {"whatsapp", "whatsapp_sandbox", "simulator"} <= set(registry.kinds())
