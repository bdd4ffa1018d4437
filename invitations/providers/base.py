"""What adapters of this room take, do and answer: contact sources, and storages of cards.

The contract about doubles: every call that changes something sets an absolute state under a name that was
known before (a field's value, a file's id), so that repeating it after `Unclear` does no harm. Errors are
exceptions, and say what may be concluded; any other exception is a mistake of ours.

Adapters are made from plain values, hold no rows, and may be shared between threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

MAX_FIELDS = 200
MAX_VALUE = 2000
MAX_EXTERNAL_ID = 200
MAX_MESSAGE = 300


class ProviderError(Exception):
    """The other side did not do what was asked; `code` is a stable word, `message` for people."""

    default_code: ClassVar[str] = "provider_error"

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.message = message[:MAX_MESSAGE]
        self.code = code or self.default_code

    def __str__(self) -> str:
        return self.message


class Transient(ProviderError):
    """Nothing was done; later it may work."""

    default_code = "unavailable"


class RateLimited(ProviderError):
    """Nothing was done, and the account wants to be left alone for a while."""

    default_code = "rate_limited"

    def __init__(self, message: str, code: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(message, code)
        self.retry_after = retry_after


class AuthFailed(ProviderError):
    """The credentials are refused: nothing will work until a person acts."""

    default_code = "auth_failed"


class Gone(ProviderError):
    """The contact, form, folder or file is not there, or not any more."""

    default_code = "gone"


class Invalid(ProviderError):
    """The same call would be refused again."""

    default_code = "invalid"


class BadResponse(ProviderError):
    """An answer that can't be from the vendor, or can't be believed. Nothing follows from it."""

    default_code = "bad_response"


class Unclear(ProviderError):
    """It may have been done. Look, or do the same again."""

    default_code = "unclear"


class PhotoProblem(Exception):
    """Why there is no photo: a stable `code`, and words for people.

    `is_passing`: another try may do better. `pause` is how long the host wants to be left alone.
    """

    def __init__(
        self, code: str, message: str, *, is_passing: bool = False, pause: timedelta | None = None
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message[:MAX_MESSAGE]
        self.is_passing = is_passing
        self.pause = pause

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Person:
    """Someone to invite: `values` as the source names its fields, at most 200 of 2000 characters."""

    external_id: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Some people, and where the next ones are: "" at the end. A page may be empty before the end."""

    people: list[Person]
    next: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the source: `alias` is its name in `Person.values`."""

    alias: str
    label: str


@dataclass(frozen=True, slots=True)
class Audience:
    """What contacts can be taken from: `kind` is an AudienceKind, `id` what `audience_id` gets."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The source answers; `problems` are sentences about what would not work all the same."""

    account: str
    fields: list[Field] = field(default_factory=list)
    audiences: list[Audience] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token that was given out, to be kept by whoever asked. In no `repr`, so in no log."""

    value: str = field(repr=False)
    expires_at: datetime


class ContactSource(Protocol):
    """Where contacts come from. Every method raises ProviderError; see the classes.

    `writes_links` is False where a link is kept with the invitation alone: `write_link` then does nothing,
    and there is nothing to verify. `renewed` is a token that was got on the way: keep it.
    """

    writes_links: ClassVar[bool]

    @property
    def renewed(self) -> Token | None:
        """Return the token that a call has got in place of the one that was given, if any has."""

    def check(self) -> Checked:
        """Ask whether the source works, and what it has. Changes nothing."""

    def page(self, cursor: str, since: datetime | None) -> Page:
        """Return the people behind a cursor ("": from the beginning), perhaps only who changed since.

        Whoever is there from the first call to the last is seen once; who comes or goes meanwhile, at most.
        """

    def person(self, external_id: str) -> Person:
        """Return one person as they are now. Raises: Gone."""

    def read_link(self, external_id: str, field: str) -> str:
        """Return what stands in a field now, "" for nothing. Raises: Gone, Invalid (`no_such_field`)."""

    def write_link(self, external_id: str, field: str, link: str) -> None:
        """Set a field to a link, or to nothing. Raises: Gone, Invalid, Unclear."""

    def photo(self, address: str) -> bytes:
        """Fetch what a photo field names. Raises: PhotoProblem."""


class Storage(Protocol):
    """Where cards are kept. Ids are made before anything is created, so that a repeat makes no second one.

    Each method raises a ProviderError.
    """

    def get_ready(self) -> None:
        """Load what the first call of a process needs, so that calls leave as soon as they are made."""

    def generate_ids(self, count: int) -> list[str]:
        """Return ids that folders and files can be created with later."""

    def create_folder(self, id: str, name: str, parent: str) -> str:
        """Create a folder in `parent` ("": the top) and return its web link. One that is there counts."""

    def upload(
        self, id: str, folder_id: str, name: str, content: bytes, media_type: str, run_id: str
    ) -> None:
        """Create a file, marked with what it was made for. One that is there counts."""

    def replace(self, id: str, name: str, content: bytes, media_type: str) -> None:
        """Put other bytes in the place of a file's; its link stays. Raises: Gone."""

    def share(self, id: str) -> str:
        """Let anybody with the link read, and return the link. May be repeated."""

    def delete(self, id: str) -> None:
        """Remove a file or folder. One that is not there counts as removed."""


def text_of(value: object) -> str:
    """Return a value from outside as text that can be stored: short, no NUL, no half surrogate pair."""
    match value:
        case None:
            text = ""
        case bool():
            text = "true" if value else "false"
        case str():
            text = value
        case int() | float():
            text = str(value)
        case list() | tuple():
            text = ", ".join(filter(None, (text_of(each) for each in value[:50])))
        case _:
            text = ""
    return text[:MAX_VALUE].replace("\x00", "").encode("utf-8", "replace").decode()


def bounded(values: Mapping[str, object], *, first: tuple[str, ...] = ()) -> dict[str, str]:
    """Return values as texts, those named `first` in front of the rest, and no more than fit."""
    names = [*(name for name in first if name in values), *(name for name in values if name not in first)]
    return {text_of(name)[:100]: text_of(values[name]) for name in names[:MAX_FIELDS]}
