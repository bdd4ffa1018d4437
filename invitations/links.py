"""Addresses of cards: whoever holds one sees the card, and needs no account."""

from uuid import UUID

from django.conf import settings


def base() -> str:
    """Return where this installation is."""
    return str(settings.PUBLIC_BASE_URL)


def card(uuid: UUID) -> str:
    """Return the absolute address of an invitation's public page, by the invitation's uuid."""
    return f"{base()}{card_path(uuid)}"


def card_path(uuid: UUID) -> str:
    """Return the page's address for this installation's own pages."""
    return f"/i/{uuid}"


def image(uuid: UUID, card_uuid: UUID) -> str:
    """Return the absolute address of the picture; it changes with the card, so that no copy is stale."""
    return f"{base()}{image_path(uuid, card_uuid)}"


def image_path(uuid: UUID, card_uuid: UUID) -> str:
    """Return the picture's address for this installation's own pages."""
    return f"/i/{uuid}/image?v={version_of(card_uuid)}"


def version_of(card_uuid: UUID) -> str:
    """Return how the addresses of pictures tell one card from another, by its file's uuid."""
    return card_uuid.hex[:12]
