"""The adapter of channels without real credentials: takes what WhatsApp would take and touches no network."""

from chatboost.messaging.providers import errors, whatsapp_body
from chatboost.messaging.providers.base import (
    Accepted,
    CheckOutcome,
    Credentials,
    OutboundMessage,
    Outcome,
    Rejected,
    Working,
)


class SandboxProvider:
    """Accepts every valid message, with an id made from the tracker: the same send gives the same id."""

    id_prefix = "sandbox."
    verified_name = "Sandbox"

    def __init__(self, credentials: Credentials) -> None:
        """Keep the number, which is only shown; the token is never used."""
        self._phone_number_id = credentials.phone_number_id

    def send(self, message: OutboundMessage) -> Outcome:
        """Check the message as the real adapter does, then accept it."""
        try:
            body = whatsapp_body.build(message)
        except whatsapp_body.InvalidMessage as problem:
            return Rejected(errors.InvalidRequest(message=str(problem)))
        return Accepted(self.id_prefix + body["biz_opaque_callback_data"])

    def check(self) -> CheckOutcome:
        """Answer that all is well."""
        return Working(display_phone_number=self._phone_number_id, verified_name=self.verified_name)
