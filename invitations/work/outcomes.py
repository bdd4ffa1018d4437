"""What can become of a call besides success, and the one way in which providers are called."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from chatboost.core import clock
from invitations import pauses
from invitations.providers.base import (
    AuthFailed,
    BadResponse,
    ProviderError,
    RateLimited,
    Transient,
    Unclear,
)
from invitations.services import health

ResultT = TypeVar("ResultT")

# Another try may do better. What may have been carried out is repeated: see `providers.base`.
_PASSING: Final = (Transient, RateLimited, BadResponse, Unclear)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a step was not done: a stable `code`, and words for people.

    `is_passing`: another try may do better, after `pause`. `error` is what a provider said. `is_stored`
    False: some bytes of its files may lie about.
    """

    code: str
    message: str
    is_passing: bool = False
    pause: timedelta | None = None
    error: ProviderError | None = None
    is_stored: bool = True

    @property
    def is_refused(self) -> bool:
        """Whether credentials are refused: that is nobody's failure but the account's."""
        return isinstance(self.error, AuthFailed)


@dataclass(frozen=True, slots=True)
class Held:
    """The call did not go out: somebody had been told meanwhile to wait until then."""

    until: datetime


# Our own storage, not a provider's.
NOT_STORED: Final = Failure(
    code="not_stored", message="The file could not be stored.", is_passing=True, is_stored=False
)
NOT_READ: Final = Failure(code="not_read", message="The file could not be read.", is_passing=True)


@contextmanager
def turn(peer: health.Peer) -> Iterator[None]:
    """Make one call to a peer, unless it is to be left alone; what it says about that is known at once.

    Raises: pauses.Paused.
    """
    pauses.check(peer.name)
    try:
        yield
    except RateLimited as error:
        pauses.note(peer.name, clock.now() + health.pause_of(error))
        raise


def attempted(call: Callable[[], ResultT]) -> ResultT | Failure | Held:
    """Call, and return what providers raise."""
    try:
        return call()
    except pauses.Paused as pause:
        return Held(pause.until)
    except ProviderError as error:
        return failure_of(error)


def failure_of(error: ProviderError) -> Failure:
    """Return what a provider's error means for a step."""
    return Failure(
        code=error.code[:40],
        message=error.message[:300],
        is_passing=isinstance(error, _PASSING),
        pause=error.retry_after if isinstance(error, RateLimited) else None,
        error=error,
    )
