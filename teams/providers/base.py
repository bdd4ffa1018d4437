"""What a chat service's adapter answers. Its outcomes say what may be concluded, not what broke inside.

`Sent` and `Refused` are certain. `NotTaken` certainly was not taken and may go again. After `Unclear` nobody
knows: Telegram knows no idempotency key and can't be asked, so whoever repeats it may double it.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Sent:
    """The service has the message. `moved_to` is the chat's new id, when it has one since."""

    external_id: str
    moved_to: str = ""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The service or the way to it failed; `after` is the least time to wait, where it named one."""

    reason: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The same would be refused again. `ends_chat`: so would every other message to this chat."""

    reason: str
    ends_chat: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The message that was to be changed is not there, or too old. `moved_to`: its chat has this id now."""

    reason: str
    moved_to: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """The request may have been carried out."""

    reason: str


Outcome = Sent | NotTaken | Refused | Unclear
EditOutcome = Outcome | Gone


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat that a bot has seen. `kind` is Telegram's word: private, group, supergroup or channel."""

    id: str
    title: str
    kind: str
