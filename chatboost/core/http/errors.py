"""What an HTTP call out can end with, other than an answer.

The classes say what the caller may conclude about the request, not what broke inside:
`NotSent` may be repeated, `OutcomeUnknown` must be reconciled first, `Refused` will be refused again.
Messages name the host and never the path, the query or a header, which may hold secrets.
"""


class HttpError(Exception):
    """Any way a call can end without a usable answer."""


class NotSent(HttpError):
    """The request certainly never reached the peer: no address, refused connect, failed TLS handshake."""


class OutcomeUnknown(HttpError):
    """Bytes left and no whole, readable answer came back: deadline, reset, truncated or malformed answer."""


class TooLarge(HttpError):
    """The request was received; its answer is over the cap. `status` is the answer's status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


class BadBody(HttpError):
    """A whole answer arrived and its body is not what its reader needs."""


class Refused(HttpError):
    """Our own policy stopped the call; the same call would be stopped again.

    `is_sent` is False when nothing left at all. It is True when the refusal came later in the call:
    a redirect's target or an answer's content type, after a first request had been answered.
    """

    def __init__(self, code: str, message: str, *, is_sent: bool = False) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.is_sent = is_sent

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"
