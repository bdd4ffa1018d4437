"""What the console says of a source: how it is, and what to do about it."""

from dataclasses import dataclass

from django.template.defaultfilters import date
from django.utils import timezone
from django.utils.safestring import SafeString

from chatboost.core import clock
from chatboost.core.admin.display import label
from invitations.choices import AudienceKind, SourceKind
from invitations.models import InvitationSource


@dataclass(frozen=True, slots=True)
class Health:
    """A state in words and colour; `what` happened and what to do about it, "" if nothing is the matter."""

    words: str
    tone: str
    what: str = ""

    @property
    def label(self) -> SafeString:
        """The state as a coloured label."""
        return label(self.words, self.tone)


def health(source: InvitationSource) -> Health:
    """Return how a source is: refused, waiting, switched off, never checked, or well."""
    if source.error:
        return Health("Refused", "danger", _refusal(source))
    if source.paused_until and source.paused_until > clock.now():
        return Health("Waits", "warning", _pause(source))
    if not source.is_enabled:
        return Health("Switched off", "default")
    if source.kind == SourceKind.FILE and source.file_uuid is None:
        return Health("No file", "warning", "Hand a CSV or Excel file in.")
    if source.kind == SourceKind.MAUTIC and source.checked_at is None:
        return Health("Not checked", "warning", "“Check connection” tells whether Mautic lets us in.")
    return Health("Works", "success")


def audience(source: InvitationSource) -> str:
    """Say in words which contacts of a source are meant."""
    if source.kind == SourceKind.FILE:
        return source.file_name or "no file yet"
    words = {
        AudienceKind.FORM: f"form {source.audience_id}",
        AudienceKind.SEGMENT: f"segment {source.audience_id}",
        AudienceKind.ATTRIBUTE: source.audience_id,
    }
    return words.get(AudienceKind(source.audience), "all contacts")


def _refusal(source: InvitationSource) -> str:
    ending = "" if source.error.endswith((".", "!", "?")) else "."
    return (
        f"{source.error}{ending} Nothing goes out until this is put right: "
        "enter the credentials again, save, and check the connection."
    )


def _pause(source: InvitationSource) -> str:
    until = date(timezone.localtime(source.paused_until), "H:i:s") if source.paused_until else ""
    return (
        f"The server asked us to wait, or was down, until {until}. It goes on by itself; nothing is lost. "
        "A pause that comes back often means that the server allows fewer calls than we make."
    )
