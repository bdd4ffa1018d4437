"""The link, written back to the contact: read first, written, read again. What a person wrote is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from invitations import providers
from invitations.choices import InvitationState, Step, StepState
from invitations.models import Invitation
from invitations.providers.base import BadResponse, ContactSource, Token
from invitations.services import health
from invitations.services.health import Peer
from invitations.work import stepping
from invitations.work.book import Book
from invitations.work.outcomes import Failure, Held, attempted, turn
from invitations.work.stepping import StepKind
from teams.services.google_access import Access

CONFLICT: Final = "link_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(stepping.Intent):
    """One link to write."""

    source: ContactSource
    external_id: str
    link_field: str
    link: str
    # What somebody else wrote, and somebody here has decided to write over.
    overwritten: str


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in the field now: our link, or what somebody else wrote."""

    link: str


class LinkKind(StepKind[Intent, Found]):
    """Writes links back."""

    name = "invitations.link"
    step = Step.LINK

    def without_call(self, book: Book, invitation: Invitation) -> bool:
        """Leave it out where there is no field, or nothing to write to."""
        source = invitation.batch.source
        if source.link_field and providers.source_of(source).writes_links:
            return False
        book.done(invitation, state=StepState.SKIPPED)
        return True

    def peer(self, invitation: Invitation) -> Peer | None:
        """Return the source's server."""
        return health.of_source(invitation.batch.source)

    def intents(
        self, invitations: Sequence[Invitation], accesses: Mapping[Peer, Access]
    ) -> Mapping[int, Intent]:
        """Say which links go where."""
        sources = {row.batch.source_id: row.batch.source for row in invitations}
        adapters = {pk: providers.source_of(source) for pk, source in sources.items()}
        return {
            row.pk: Intent(
                invitation_id=row.pk,
                peer=self.peer(row),
                source=adapters[row.batch.source_id],
                external_id=row.external_id,
                link_field=row.batch.source.link_field,
                link=row.link,
                overwritten=row.found_link,
            )
            for row in invitations
        }

    def call(self, intent: Intent) -> Found | Failure | Held:
        """Write the link, unless something else stands there."""
        return attempted(lambda: _write(intent))

    def renewed(self, intent: Intent) -> Token | None:
        """Return the token that the source's adapter has got."""
        return intent.source.renewed

    def keep(self, book: Book, invitation: Invitation, intent: Intent, success: Found) -> None:
        """Finish with our link, or show what stands there instead."""
        if success.link == intent.link:
            invitation.found_link = ""
            book.done(invitation, external_id=intent.external_id)
            return
        invitation.found_link = success.link[:500]
        message = "Somebody wrote something else into the field: it was left as it is."
        book.fail(invitation, CONFLICT, message, InvitationState.CONFLICT)


def _write(intent: Intent) -> Found:
    assert intent.peer is not None
    found = _read(intent)
    if found and found[:500] != intent.overwritten:
        return Found(found)
    with turn(intent.peer):
        intent.source.write_link(intent.external_id, intent.link_field, intent.link)
    found = _read(intent)
    if not found:
        raise BadResponse("The link was written, and is not there.", "not_verified")
    return Found(found)


def _read(intent: Intent) -> str:
    assert intent.peer is not None
    with turn(intent.peer):
        return intent.source.read_link(intent.external_id, intent.link_field).strip()
