"""The photo: fetched, turned upright, searched for a face. Who has none gets the default avatar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chatboost.core import files, preferences
from chatboost.core.pictures import PictureError
from invitations import providers, renderers
from invitations.choices import Step, StepState
from invitations.models import Invitation
from invitations.preferences import InvitationSettings
from invitations.providers.base import ContactSource, PhotoProblem
from invitations.rendering import FaceOptions, PreparedPhoto
from invitations.services.health import Peer
from invitations.services.notices import Moment
from invitations.work import stepping, stored
from invitations.work.book import Book
from invitations.work.outcomes import NOT_STORED, Failure, Held
from invitations.work.stepping import CHILD_CODES, StepKind
from teams.services.google_access import Access

# Tries of a photo before its contact gets the avatar.
MAX_ATTEMPTS: Final = 5
NO_PHOTO: Final = "There is no photo: the card shows the default avatar."
NO_FACE: Final = "No face was found on the photo: the card shows the default avatar."


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(stepping.Intent):
    """One photo to fetch."""

    source: ContactSource
    address: str
    options: FaceOptions
    place: files.Reserved


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that was prepared and stored."""

    prepared: PreparedPhoto
    filled: files.Filled


class PhotoKind(StepKind[Intent, Photo]):
    """Fetches photos."""

    name = "invitations.photo"
    is_long = True
    step = Step.PHOTO

    def beginning(self, book: Book, invitation: Invitation) -> None:
        """Tell the chat: once, however often it begins."""
        book.tell(invitation, Moment.PROCESSING)

    def without_call(self, book: Book, invitation: Invitation) -> bool:
        """Leave the photo out where its field is empty."""
        if invitation.photo_url:
            return False
        self.beginning(book, invitation)
        _note(book, invitation, "no_photo", NO_PHOTO)
        book.done(invitation, state=StepState.SKIPPED, code="no_photo")
        return True

    def intents(
        self, invitations: Sequence[Invitation], accesses: Mapping[Peer, Access]
    ) -> Mapping[int, Intent]:
        """Reserve a place for each photo."""
        sources = {row.batch.source_id: row.batch.source for row in invitations}
        adapters = {pk: providers.source_of(source) for pk, source in sources.items()}
        own = preferences.get_many({row.organization_id for row in invitations}, InvitationSettings)
        return {
            row.pk: Intent(
                invitation_id=row.pk,
                source=adapters[row.batch.source_id],
                address=row.photo_url,
                options=FaceOptions(
                    scale_factor=own[row.organization_id].scale_factor_percent / 100,
                    min_neighbors=own[row.organization_id].min_neighbors,
                ),
                place=stored.reserve(1, row.organization_id, stored.PHOTO)[0],
            )
            for row in invitations
        }

    def call(self, intent: Intent) -> Photo | Failure | Held:
        """Fetch, prepare and store it."""
        with renderers.room():
            try:
                content = intent.source.photo(intent.address)
                prepared = renderers.prepare_photo(content, intent.options)
            except PhotoProblem as problem:
                return Failure(
                    code=problem.code,
                    message=problem.message,
                    is_passing=problem.is_passing,
                    pause=problem.pause,
                )
            except PictureError as error:
                return Failure(code=error.code, message=error.message, is_passing=error.code in CHILD_CODES)
            filled = stored.fill(
                intent.place, prepared.content, name="photo", content_type=prepared.media_type
            )
        return NOT_STORED if filled is None else Photo(prepared, filled)

    def keep(self, book: Book, invitation: Invitation, intent: Intent, success: Photo) -> None:
        """Keep the photo, with the face that the card will show."""
        prepared = success.prepared
        invitation.photo_uuid = stored.replace(invitation.photo_uuid, success.filled.uuid)
        invitation.photo_width, invitation.photo_height = prepared.width, prepared.height
        invitation.face = list(prepared.chosen) if prepared.chosen else None
        book.forget_remarks(invitation)
        if prepared.chosen is None:
            book.remark(invitation, "no_face", NO_FACE)
        book.done(invitation, external_id=str(success.filled.uuid))

    def patience(self, failure: Failure) -> int | None:
        """Try a few times: the avatar is there for the rest."""
        return super().patience(failure) or MAX_ATTEMPTS

    def do_without(self, book: Book, invitation: Invitation, failure: Failure) -> None:
        """Go on without a photo, and say why."""
        _note(book, invitation, failure.code, f"{failure.message} The card shows the default avatar.")
        book.done(invitation, state=StepState.SKIPPED, code=failure.code, message=failure.message)

    def settle_files(self, results: Sequence[tuple[Intent, Photo | Failure | Held | None, bool]]) -> None:
        """Keep the photos that were taken."""
        stored.settle(
            [
                (intent.place, outcome, outcome.filled if isinstance(outcome, Photo) else None, is_taken)
                for intent, outcome, is_taken in results
            ]
        )


def _note(book: Book, invitation: Invitation, code: str, message: str) -> None:
    book.forget_remarks(invitation)
    book.remark(invitation, code, message)
