"""What an organization may set about messaging."""

from dataclasses import dataclass

from chatboost.core import preferences
from chatboost.core.preferences import setting


@dataclass(frozen=True, slots=True)
class MessagingSettings:
    """Settings of this room."""

    receipts_kept_days: int = setting(
        30,
        label="Keep webhook receipts for",
        help="Days. What the vendor delivered, word for word; messages and statuses stay.",
        # The vendor delivers again for seven days: until then a receipt's key recognises a repeat.
        min=8,
        max=365,
    )


preferences.declare("messaging", MessagingSettings, title="Messaging")
