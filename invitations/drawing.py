"""What a card is drawn from: a version of a layout, and the values of a contact."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from invitations import links
from invitations.models import Invitation, InvitationBatch, LayoutVersion
from invitations.rendering import Box, default_document

# How the renderer calls the layout that comes with ChatBoost.
DEFAULT_KEY: Final = "default"


@dataclass(frozen=True, slots=True)
class Template:
    """A version of a layout as the renderer wants it; `assets` are files by the names in the document."""

    key: str
    document: dict[str, Any]
    assets: dict[str, UUID]


def template_of(version: LayoutVersion | None) -> Template:
    """Return a version as a template; None is the layout that comes with ChatBoost."""
    if version is None:
        return Template(DEFAULT_KEY, default_document(), {})
    assets = {name: UUID(str(uuid)) for name, uuid in version.assets.items()}
    return Template(str(version.uuid), version.document, assets)


def values_of(invitation: Invitation, batch: InvitationBatch) -> dict[str, Any]:
    """Return what a layout's placeholders may name."""
    return {
        "contact": {**invitation.values, "name": invitation.name, "email": invitation.email},
        "lucky_number": invitation.lucky_number,
        "card_url": links.card(invitation.uuid),
        "batch": {"name": batch.name},
    }


def box_of(numbers: Iterable[int] | None) -> Box | None:
    """Return a rectangle that was stored as a list."""
    return Box(*numbers) if numbers else None
