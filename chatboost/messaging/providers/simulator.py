"""The console's simulated phone: a message sent shows up in the conversation, so accepting it is all."""

from chatboost.messaging.providers.sandbox import SandboxProvider


class SimulatorProvider(SandboxProvider):
    """A sandbox whose ids say that an operator, not a customer, holds the phone."""

    id_prefix = "simulator."
    verified_name = "Simulated phone"
