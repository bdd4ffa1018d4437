"""The upload: the card goes to Google Drive under an id that was known before, or stays here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from invitations import links
from invitations.choices import Step, StorageKind
from invitations.models import Invitation, InvitationBatch
from invitations.providers import storages as storages_
from invitations.providers.base import Gone, Storage
from invitations.services import health
from invitations.services.health import Peer
from invitations.services.notices import Moment
from invitations.work import drive, stepping, stored
from invitations.work.book import Book
from invitations.work.outcomes import NOT_READ, Failure, Held, attempted, turn
from invitations.work.stepping import StepKind
from invitations.work.stored import Place
from teams.services.google_access import Access

NO_CARD: Final = Failure(
    code="no_card", message="The card is not kept any more. Try again: another one is drawn."
)
_EXTENSIONS: Final = {"image/jpeg": "jpg", "image/png": "png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(stepping.Intent):
    """One card to upload; `is_there`: another card may be under its id already, whose place it takes."""

    storage: Storage = field(repr=False)
    drive_id: str
    folder_id: str
    name: str
    card: Place
    media_type: str
    run_id: str
    is_there: bool


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A card that is at Drive, and the link that anybody can open."""

    link: str


class UploadKind(StepKind[Intent, Uploaded]):
    """Uploads cards."""

    name = "invitations.upload"
    step = Step.UPLOAD

    def without_call(self, book: Book, invitation: Invitation) -> bool:
        """Have a card that is kept here be found at its page."""
        if invitation.batch.storage == StorageKind.DRIVE:
            return False
        if invitation.card_uuid is None:
            # Its page would be none.
            self.do_without(book, invitation, NO_CARD)
            return True
        invitation.link = links.card(invitation.uuid)
        book.tell(invitation, Moment.UPLOADED)
        book.done(invitation, external_id=str(invitation.uuid))
        return True

    def peer(self, invitation: Invitation) -> Peer | None:
        """Return the account."""
        batch = invitation.batch
        if batch.storage != StorageKind.DRIVE or batch.account is None:
            return None
        return health.of_account(batch.account)

    def is_ready(self, invitation: Invitation) -> bool:
        """Wait for the card's id and the batch's folder."""
        return bool(invitation.drive_id and invitation.batch.folder_url)

    def make_ready(self, batches: Iterable[InvitationBatch]) -> None:
        """Owe ids and folders."""
        for batch in batches:
            drive.owe(batch)

    def intents(
        self, invitations: Sequence[Invitation], accesses: Mapping[Peer, Access]
    ) -> Mapping[int, Intent]:
        """Find the cards."""
        storages = {peer: storages_.of(access) for peer, access in accesses.items()}
        places = stored.places_of([row.card_uuid for row in invitations])
        return {
            row.pk: Intent(
                invitation_id=row.pk,
                peer=peer,
                access=accesses[peer],
                storage=storages[peer],
                drive_id=row.drive_id,
                folder_id=row.batch.folder_id,
                name=f"{row.name or row.email or 'invitation'}.{_EXTENSIONS.get(row.card_media_type, 'bin')}",
                card=card,
                media_type=row.card_media_type,
                run_id=str(row.uuid),
                is_there=row.is_on_drive,
            )
            for row in invitations
            if (peer := self.peer(row)) is not None and (card := _card(row, places)) is not None
        }

    def lacking(self, invitation: Invitation) -> Failure:
        """Say whether the account or the card is missing; a card whose file is gone is forgotten."""
        if self.peer(invitation) is None:
            return drive.NO_ACCOUNT
        invitation.card_uuid = None
        return NO_CARD

    def call(self, intent: Intent) -> Uploaded | Failure | Held:
        """Upload and share it. What was done before under its id is done."""
        try:
            content = stored.read(intent.card)
        except stored.NotRead:
            return NOT_READ
        # Who asks whether a call may go must go at once.
        intent.storage.get_ready()
        return attempted(lambda: _upload(intent, content))

    def keep(self, book: Book, invitation: Invitation, intent: Intent, success: Uploaded) -> None:
        """Keep the link; one that was handed out stays."""
        invitation.is_on_drive = True
        invitation.link = invitation.link or success.link
        book.tell(invitation, Moment.UPLOADED)
        book.done(invitation, external_id=intent.drive_id)


def _card(invitation: Invitation, places: Mapping[UUID, Place]) -> Place | None:
    return places.get(invitation.card_uuid) if invitation.card_uuid is not None else None


def _upload(intent: Intent, content: bytes) -> Uploaded:
    assert intent.peer is not None
    with turn(intent.peer):
        if not (intent.is_there and _is_replaced(intent, content)):
            intent.storage.upload(
                intent.drive_id, intent.folder_id, intent.name, content, intent.media_type, intent.run_id
            )
    with turn(intent.peer):
        return Uploaded(intent.storage.share(intent.drive_id))


def _is_replaced(intent: Intent, content: bytes) -> bool:
    """Put the card in the place of the one before; returns whether there was one."""
    try:
        intent.storage.replace(intent.drive_id, intent.name, content, intent.media_type)
    except Gone:
        return False
    return True
