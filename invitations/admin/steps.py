"""What the console shows of an invitation: the ledger of its steps, and its photo with frames on it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from chatboost.core.admin.display import state_label
from invitations.admin import shown
from invitations.choices import STEPS, Step, StepState
from invitations.models import Invitation, InvitationStep

# A step that nobody has begun.
_AHEAD: Final = "ahead"


@dataclass(frozen=True, slots=True)
class Line:
    """A step as a line of the ledger; without a row it lies ahead."""

    title: str
    label: Any
    row: InvitationStep | None
    lasted: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as the page draws it; boxes are x, y, width, height in its pixels."""

    url: str
    width: int
    height: int
    face: list[int] | None
    crop: list[int] | None
    aspect: float

    @property
    def line(self) -> float:
        """How thick a line is that looks the same on photos of any size."""
        return max(self.width, self.height) / 250


def ledger(invitation: Invitation) -> list[Line]:
    """Return the steps in their order. One query."""
    rows = {row.step: row for row in InvitationStep.objects.filter(invitation=invitation)}
    return [_line(step, rows.get(step)) for step in STEPS]


def photo(invitation: Invitation) -> Photo | None:
    """Return the photo that the card is made with, if there is one."""
    if invitation.photo_uuid is None or not invitation.photo_width or not invitation.photo_height:
        return None
    return Photo(
        url=shown.picture(invitation.photo_uuid),
        width=invitation.photo_width,
        height=invitation.photo_height,
        face=_box(invitation.face),
        crop=_box(invitation.crop),
        aspect=_aspect(invitation),
    )


def _line(step: Step, row: InvitationStep | None) -> Line:
    if row is None:
        return Line(step.label, state_label(_AHEAD, "Ahead"), None, "")
    words = "Under way" if row.state == StepState.STARTED else row.get_state_display()
    tone = "running" if row.state == StepState.STARTED else row.state
    return Line(step.label, state_label(tone, words), row, _lasted(row.started_at, row.ended_at))


def _lasted(start: datetime, end: datetime | None) -> str:
    if end is None:
        return ""
    seconds = max(0.0, (end - start).total_seconds())
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"


def _box(value: Any) -> list[int] | None:
    is_box = (
        isinstance(value, list) and len(value) == 4 and all(isinstance(each, int | float) for each in value)
    )
    return [round(each) for each in value] if is_box else None


def _aspect(invitation: Invitation) -> float:
    """Return width by height of the place that the layout gives to the photo."""
    version = invitation.batch.layout_version
    layers = version.document.get("layers", []) if version and isinstance(version.document, dict) else []
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, dict) and layer.get("type") == "photo":
            width, height = layer.get("width"), layer.get("height")
            if isinstance(width, int | float) and isinstance(height, int | float) and min(width, height) > 0:
                return width / height
    return 1.0
