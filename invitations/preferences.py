"""What an organization may set about invitations."""

from dataclasses import dataclass

from chatboost.core import preferences
from chatboost.core.preferences import setting


@dataclass(frozen=True, slots=True)
class InvitationSettings:
    """Settings of this room."""

    cards_kept_days: int = setting(
        365, label="Keep cards for", help="Days; the links of cards kept here work so long.", min=1, max=3650
    )
    photos_kept_days: int = setting(
        90, label="Keep photos for", help="Days; so long a card can be cropped again.", min=1, max=3650
    )
    batches_kept_days: int = setting(
        365, label="Keep batches for", help="Days after their end, with their invitations.", min=1, max=3650
    )
    notice_threshold: int = setting(
        20,
        label="Telegram messages for each contact up to",
        help="Contacts; a larger batch has one message, which is kept up to date.",
        min=0,
        max=1000,
    )
    scale_factor_percent: int = setting(
        110,
        label="Faces: scale factor",
        help="Percent from one size that is looked for to the next. Smaller finds more, and takes longer.",
        min=101,
        max=200,
    )
    min_neighbors: int = setting(
        5,
        label="Faces: hits that must agree",
        help="“minNeighbors”. More of them miss more faces, and see fewer where there are none.",
        min=0,
        max=50,
    )


preferences.declare("invitations", InvitationSettings, title="Invitations")
