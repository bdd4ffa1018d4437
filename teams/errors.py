"""Refusals of this room that have an HTTP status of their own."""

from chatboost.core.errors import DomainError


class Unauthenticated(DomainError):
    """The credentials do not prove who the caller is."""

    status = 401
    default_code = "authentication_failed"
    auth_header = "Bearer"


class TooManyAttempts(DomainError):
    """The limit of an action is used up; `wait` says for how many seconds."""

    status = 429
    default_code = "rate_limited"

    def __init__(self, message: str, *, wait: int) -> None:
        super().__init__(message)
        self.wait = wait


class SecondFactorRequired(Unauthenticated):
    """The password is right and a code of the second factor is due; `token` opens that step."""

    default_code = "mfa_required"

    def __init__(self, token: str) -> None:
        super().__init__("Send the code of your authenticator app to /auth/token/mfa.")
        self.token = token


class Gone(DomainError):
    """It was there, and will not be again: a link that has done its work, or is out of time."""

    status = 410
    default_code = "gone"


class InviteRequired(DomainError):
    """Nobody is added by an address alone: a stranger to the caller gets an invite, known here or not."""

    status = 422
    default_code = "invite_required"
