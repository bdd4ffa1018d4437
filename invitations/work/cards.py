"""The card: drawn from the layout of the batch, the contact's values and the photo; stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chatboost.core import files
from chatboost.core.pictures import PictureError
from invitations import drawing, renderers, thumbnails
from invitations.choices import Step
from invitations.models import Invitation
from invitations.rendering import Box, Card, CardRequest, LayoutError
from invitations.services.health import Peer
from invitations.services.notices import Moment
from invitations.work import stepping, stored
from invitations.work.book import Book
from invitations.work.outcomes import NOT_READ, NOT_STORED, Failure, Held
from invitations.work.stepping import CHILD_CODES, StepKind
from invitations.work.stored import Place
from teams.services.google_access import Access

_EXTENSIONS: Final = {"image/jpeg": "jpg", "image/png": "png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(stepping.Intent):
    """One card to draw; without a photo the avatar is."""

    key: str
    document: dict[str, Any]
    assets: tuple[tuple[str, Place], ...]
    values: dict[str, Any] = field(repr=False)
    photo: Place | None
    face: Box | None
    crop: Box | None
    name: str
    card_place: files.Reserved
    thumbnail_place: files.Reserved


@dataclass(frozen=True, slots=True)
class Drawn:
    """A card that was drawn and stored, with its small picture."""

    card: Card
    filled: files.Filled
    thumbnail: files.Filled


class CardKind(StepKind[Intent, Drawn]):
    """Draws cards."""

    name = "invitations.render"
    is_long = True
    step = Step.RENDER

    def intents(
        self, invitations: Sequence[Invitation], accesses: Mapping[Peer, Access]
    ) -> Mapping[int, Intent]:
        """Find what the cards are made of, and reserve places for them."""
        templates = {row.batch_id: drawing.template_of(row.batch.layout_version) for row in invitations}
        # A photo without a face is shown once somebody has cropped it.
        photos = {row.pk: row.photo_uuid for row in invitations if row.photo_uuid and (row.crop or row.face)}
        wanted = [uuid for template in templates.values() for uuid in template.assets.values()]
        places = stored.places_of([*wanted, *photos.values()])
        intents: dict[int, Intent] = {}
        for row in invitations:
            template = templates[row.batch_id]
            card_place, thumbnail_place = stored.reserve(2, row.organization_id, stored.CARD)
            intents[row.pk] = Intent(
                invitation_id=row.pk,
                key=template.key,
                document=template.document,
                assets=tuple(
                    (name, places[uuid]) for name, uuid in template.assets.items() if uuid in places
                ),
                values=drawing.values_of(row, row.batch),
                photo=places.get(photos[row.pk]) if row.pk in photos else None,
                face=drawing.box_of(row.face),
                crop=drawing.box_of(row.crop),
                name=row.name or "invitation",
                card_place=card_place,
                thumbnail_place=thumbnail_place,
            )
        return intents

    def call(self, intent: Intent) -> Drawn | Failure | Held:
        """Draw and store it."""
        with renderers.room():
            try:
                card = renderers.render(_request(intent))
            except stored.NotRead:
                return NOT_READ
            except LayoutError as error:
                return Failure(code="invalid_layout", message=str(error))
            except PictureError as error:
                return Failure(code=error.code, message=error.message, is_passing=error.code in CHILD_CODES)
            return _stored(intent, card)

    def is_current(self, invitation: Invitation, intent: Intent) -> bool:
        """Tell whether nobody has cropped the photo while the card was drawn."""
        shown = (drawing.box_of(invitation.face), drawing.box_of(invitation.crop))
        return shown == (intent.face, intent.crop)

    def keep(self, book: Book, invitation: Invitation, intent: Intent, success: Drawn) -> None:
        """Keep the card; a dry run ends with it."""
        card = success.card
        invitation.card_uuid = stored.replace(invitation.card_uuid, success.filled.uuid)
        invitation.thumbnail_uuid = stored.replace(invitation.thumbnail_uuid, success.thumbnail.uuid)
        invitation.card_media_type = card.media_type
        invitation.card_width, invitation.card_height = card.width, card.height
        book.forget_remarks(invitation)
        for code, message in _remarks(card):
            book.remark(invitation, code, message)
        book.tell(invitation, Moment.CREATED)
        book.done(invitation, external_id=str(success.filled.uuid))
        if invitation.is_dry_run:
            book.skip_rest(invitation)

    def settle_files(self, results: Sequence[tuple[Intent, Drawn | Failure | Held | None, bool]]) -> None:
        """Keep the cards that were taken, with their small pictures."""
        each: list[tuple[files.Reserved, Any, files.Filled | None, bool]] = []
        for intent, outcome, is_taken in results:
            drawn = outcome if isinstance(outcome, Drawn) else None
            each.append((intent.card_place, outcome, drawn.filled if drawn else None, is_taken))
            each.append((intent.thumbnail_place, outcome, drawn.thumbnail if drawn else None, is_taken))
        stored.settle(each)


def _request(intent: Intent) -> CardRequest:
    return CardRequest(
        key=intent.key,
        document=intent.document,
        assets=stored.read_assets(intent.assets),
        values=intent.values,
        photo=stored.read(intent.photo) if intent.photo else None,
        face=intent.face,
        crop=intent.crop,
    )


def _stored(intent: Intent, card: Card) -> Drawn | Failure:
    name = f"{intent.name}.{_EXTENSIONS.get(card.media_type, 'bin')}"
    filled = stored.fill(intent.card_place, card.content, name=name, content_type=card.media_type)
    thumbnail = stored.fill(
        intent.thumbnail_place,
        thumbnails.small(card.content),
        name=name,
        content_type=thumbnails.MEDIA_TYPE,
    )
    return NOT_STORED if filled is None or thumbnail is None else Drawn(card, filled, thumbnail)


def _remarks(card: Card) -> list[tuple[str, str]]:
    """Return what is not as wished about a card: a code and a sentence each."""
    found: list[tuple[str, str]] = []
    if card.missing_glyphs:
        found.append(("missing_glyphs", f"No font has: {' '.join(card.missing_glyphs)}"))
    if cut := [text.name for text in card.texts if not text.is_fitted]:
        found.append(("text_cut", f"Texts that were cut short: {', '.join(cut)}"))
    if card.missing_values:
        found.append(("missing_values", f"Without a value: {', '.join(card.missing_values)}"))
    return found
