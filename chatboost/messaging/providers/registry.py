"""Which adapter serves which kind of channel."""

from collections.abc import Callable

from chatboost.messaging.providers.base import Credentials, Provider
from chatboost.messaging.providers.sandbox import SandboxProvider
from chatboost.messaging.providers.simulator import SimulatorProvider
from chatboost.messaging.providers.whatsapp import WhatsAppProvider

ProviderFactory = Callable[[Credentials], Provider]

_factories: dict[str, ProviderFactory] = {}


class UnknownProviderKind(LookupError):
    """No adapter is registered under this word."""


def register(kind: str, factory: ProviderFactory) -> None:
    """Serve channels of `kind` with adapters made by `factory`.

    Raises:
        ValueError: the kind is taken, so that two rooms can't quietly replace each other's adapter.
    """
    if kind in _factories:
        raise ValueError(f"A provider of kind {kind!r} is already registered.")
    _factories[kind] = factory


def create(kind: str, credentials: Credentials) -> Provider:
    """Make the adapter for one channel.

    Raises:
        UnknownProviderKind: nobody registered this kind.
    """
    factory = _factories.get(kind)
    if factory is None:
        raise UnknownProviderKind(kind)
    return factory(credentials)


def kinds() -> tuple[str, ...]:
    """Return every registered kind, in order of registration."""
    return tuple(_factories)


register("whatsapp", WhatsAppProvider)
register("whatsapp_sandbox", SandboxProvider)
register("simulator", SimulatorProvider)

# Adapters that touch nothing outside: the message's row is the whole effect, so sending again is harmless.
LOCAL_KINDS = frozenset({"whatsapp_sandbox", "simulator"})
