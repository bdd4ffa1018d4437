"""Domain errors: what a service raises when the rules say no. Interfaces turn them into answers."""

from collections.abc import Mapping, Sequence


class DomainError(Exception):
    """A refusal with a stable machine `code` and a sentence for people.

    `errors` maps a field name to its messages, where the refusal is about fields.
    """

    status = 400
    default_code = "invalid"

    def __init__(
        self, message: str, *, code: str | None = None, errors: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.errors = {field: list(messages) for field, messages in (errors or {}).items()}


class ValidationFailed(DomainError):
    """The input breaks a rule."""

    default_code = "validation_failed"


class NotFound(DomainError):
    """The thing does not exist for this caller."""

    status = 404
    default_code = "not_found"


class Conflict(DomainError):
    """The state of the thing does not allow it now."""

    status = 409
    default_code = "conflict"


class Forbidden(DomainError):
    """The caller's role does not allow it."""

    status = 403
    default_code = "permission_denied"
