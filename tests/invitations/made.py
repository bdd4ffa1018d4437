"""Sources, batches and people for tests of this room."""

from itertools import count
from typing import Any

from chatboost.core import files
from chatboost.core.models import File
from invitations.choices import BatchState, SourceKind
from invitations.models import InvitationBatch, InvitationSource
from invitations.providers.base import Person
from teams.models import Organization

_numbers = count(1)


def source(of: Organization, **fields: Any) -> InvitationSource:
    """A sandbox source."""
    fields.setdefault("name", f"Source {next(_numbers)}")
    fields.setdefault("kind", SourceKind.SANDBOX)
    return InvitationSource.objects.create(organization=of, **fields)


def batch(of: InvitationSource, **fields: Any) -> InvitationBatch:
    """A batch that runs."""
    fields.setdefault("name", f"Batch {next(_numbers)}")
    fields.setdefault("state", BatchState.RUNNING)
    return InvitationBatch.objects.create(organization_id=of.organization_id, source=of, **fields)


def person(number: int, **values: str) -> Person:
    """A contact of a source, by number."""
    own = {"firstname": "Ada", "lastname": f"Example {number}", "email": f"ada{number}@example.com"}
    return Person(external_id=str(number), values={**own, **values})


def people(*numbers: int) -> list[Person]:
    """Contacts of a source, by number."""
    return [person(number) for number in numbers]


def picture(of: Organization, *, purpose: str = "invitation-card", content: bytes = b"JPEG") -> File:
    """A picture in the storage, as the pipeline keeps it."""
    (place,) = files.reserve(
        1,
        organization_id=of.pk,
        purpose=purpose,
        permission="invitations.view_invitation",
        expires_at=None,
    )
    files.complete([files.fill(place, content, name="Ada.jpg", content_type="image/jpeg")])
    return files.get(place.uuid, of.pk)
