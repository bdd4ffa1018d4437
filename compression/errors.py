"""How this room refuses."""

from collections.abc import Mapping, Sequence

from chatboost.core.errors import Conflict, Forbidden, ValidationFailed


class TableRefused(ValidationFailed):
    """The table breaks rules; `errors` maps `row 7`, or `file`, to what is wrong there.

    Codes: `invalid_rows, missing_column, no_rows, too_many_images`.
    """

    default_code = "invalid_rows"

    def __init__(self, message: str, *, code: str, errors: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message, code=code, errors=errors)


class NotNow(Conflict):
    """The request's state does not allow it.

    Codes: `already_finished, nothing_failed, not_finished, files_expired`.
    """


class BadSignature(Forbidden):
    """A call is not signed by who it should be from."""

    default_code = "invalid_signature"
