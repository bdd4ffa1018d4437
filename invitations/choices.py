"""The words of this room: where contacts come from, how cards are made, and where things are."""

from typing import Final

from django.db import models


class SourceKind(models.TextChoices):
    """Where contacts come from."""

    MAUTIC = "mautic", "Mautic"
    FILE = "file", "A CSV or Excel file"
    CONTACTS = "contacts", "Our own contacts"
    SANDBOX = "sandbox", "Sandbox: a Mautic to try things with"


class AuthKind(models.TextChoices):
    """How Mautic is signed in to."""

    BASIC = "basic", "User name and password"
    OAUTH2 = "oauth2", "OAuth 2: client credentials"


class AudienceKind(models.TextChoices):
    """Which of a source's contacts are meant."""

    ALL = "all", "All contacts"
    FORM = "form", "Who sent a form in"
    SEGMENT = "segment", "A segment"
    ATTRIBUTE = "attribute", "Contacts with an attribute"


class StorageKind(models.TextChoices):
    """Where cards are kept."""

    LOCAL = "local", "Here, with a page for each card"
    DRIVE = "drive", "Google Drive"


class LuckyMode(models.TextChoices):
    """Where lucky numbers come from."""

    NONE = "none", "No lucky numbers"
    FIELD = "field", "A field of the contact"
    SEQUENTIAL = "sequential", "One after the other"
    RANDOM = "random", "Drawn from a range"


class NoticeMode(models.TextChoices):
    """What the organization's Telegram chat is told."""

    AUTO = "auto", "Each contact up to 20 of them, a digest above"
    EACH = "each", "Five messages for each contact"
    DIGEST = "digest", "One message for the batch, kept up to date"
    OFF = "off", "Nothing"


class Origin(models.TextChoices):
    """What a batch began with."""

    PERSON = "person", "A person"
    POLL = "poll", "Looking for new contacts"
    WEBHOOK = "webhook", "A form that was sent in"


class AssetKind(models.TextChoices):
    """What a layout may use."""

    PICTURE = "picture", "Picture"
    FONT = "font", "Font"


class BatchState(models.TextChoices):
    """Where a batch is."""

    DRAFT = "draft", "Draft"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    PARTIAL = "partial", "Partial"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class InvitationState(models.TextChoices):
    """Where an invitation is."""

    PENDING = "pending", "Waiting"
    RUNNING = "running", "Being made"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CONFLICT = "conflict", "Conflict"
    CANCELLED = "cancelled", "Cancelled"


class Step(models.TextChoices):
    """What is done for an invitation, in this order, once it has been fetched."""

    PHOTO = "photo", "Photo"
    RENDER = "render", "Card"
    UPLOAD = "upload", "Upload"
    LINK = "link", "Link written back"
    NOTIFY = "notify", "Told"


class StepState(models.TextChoices):
    """Where a step is."""

    STARTED = "started", "Started"
    DONE = "done", "Done"
    SKIPPED = "skipped", "Not needed"
    FAILED = "failed", "Failed"


STEPS: Final[tuple[Step, ...]] = tuple(Step)
# Invitations that will come to an end by themselves.
OPEN: Final = (InvitationState.PENDING, InvitationState.RUNNING)
# A contact has one of these for each source, and no more.
STANDING: Final = (*OPEN, InvitationState.DONE, InvitationState.CONFLICT)
UNFINISHED: Final = (BatchState.RUNNING, BatchState.PAUSED)

ALLOWED_TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    BatchState.DRAFT: frozenset({BatchState.RUNNING, BatchState.CANCELLED}),
    BatchState.RUNNING: frozenset(
        {
            BatchState.PAUSED,
            BatchState.COMPLETED,
            BatchState.PARTIAL,
            BatchState.FAILED,
            BatchState.CANCELLED,
        }
    ),
    BatchState.PAUSED: frozenset({BatchState.RUNNING, BatchState.CANCELLED}),
    # Tried again, or more contacts came.
    BatchState.COMPLETED: frozenset({BatchState.RUNNING}),
    BatchState.PARTIAL: frozenset({BatchState.RUNNING}),
    BatchState.FAILED: frozenset({BatchState.RUNNING}),
    BatchState.CANCELLED: frozenset(),
}
