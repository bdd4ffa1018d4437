"""Previews: a card drawn as it would be, for a real contact or somebody made up. Nothing is stored."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from chatboost.core import files, preferences
from chatboost.core.errors import ValidationFailed
from chatboost.core.pictures import PictureError
from invitations import drawing, providers, renderers
from invitations.errors import LayoutRefused
from invitations.models import Invitation, InvitationBatch, InvitationSource, LayoutVersion
from invitations.preferences import InvitationSettings
from invitations.providers.base import ContactSource, Person, PhotoProblem, ProviderError
from invitations.rendering import Card, CardRequest, FaceOptions, LayoutError
from invitations.services import layouts, people, sources
from teams.models import Organization

MADE_UP: Final = {
    "firstname": "Aisha",
    "lastname": "Siddiqui",
    "name": "Aisha Siddiqui",
    "email": "aisha@example.com",
}
_LUCKY: Final = "1234"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What to draw (a version, or a document that is not saved), and whom.

    With a source: its contact `external_id`, or the first one. Without: a made-up contact with `values`.
    """

    organization: Organization
    version: LayoutVersion | None = None
    document: Any = None
    source: InvitationSource | None = None
    external_id: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A card, and what is not as wished about it: sentences."""

    content: bytes
    media_type: str
    width: int
    height: int
    warnings: list[str]


def draw(subject: Subject) -> Preview:
    """Draw a card. Asks the source, and a child process: outside of a transaction.

    Raises: LayoutRefused, ValidationFailed (`no_such_contact`), SourceProblem, and what a photo's decoder
        says about the layout's own pictures.
    """
    document, pinned = _document_of(subject)
    warnings: list[str] = []
    person, photo = _contact_of(subject, warnings)
    prepared = _prepared(photo, subject.organization, warnings) if photo else None
    request = CardRequest(
        key=_key_of(subject, document, pinned),
        document=document,
        assets={name: _read(uuid, subject.organization) for name, uuid in pinned.items()},
        values=_values(subject, person),
        photo=prepared.content if prepared else None,
        face=prepared.chosen if prepared else None,
    )
    try:
        card = renderers.render(request)
    except LayoutError as error:
        raise LayoutRefused("The layout can’t be drawn.", errors={"document": [str(error)]}) from error
    except PictureError as error:
        raise ValidationFailed(error.message, code=error.code) from error
    return Preview(
        content=card.content,
        media_type=card.media_type,
        width=card.width,
        height=card.height,
        warnings=[*warnings, *_warnings_of(card)],
    )


def _document_of(subject: Subject) -> tuple[dict[str, Any], Mapping[str, str]]:
    if subject.document is not None:
        return subject.document, layouts.check(subject.organization.pk, subject.document)
    if subject.version is None:
        raise TypeError("a preview needs a version or a document")
    return subject.version.document, subject.version.assets


def _key_of(subject: Subject, document: Any, pinned: Mapping[str, str]) -> str:
    """Name what is drawn: a key stands for one document with its files for ever."""
    if subject.document is None and subject.version is not None:
        return str(subject.version.uuid)
    text = json.dumps([document, dict(pinned)], sort_keys=True)
    return f"preview:{hashlib.sha256(text.encode()).hexdigest()}"


def _contact_of(subject: Subject, warnings: list[str]) -> tuple[Person, bytes | None]:
    if subject.source is None:
        return Person("0", {**MADE_UP, **subject.values}), None
    adapter = providers.source_of(subject.source)
    try:
        person = _person(adapter, subject.external_id)
    except ProviderError as problem:
        raise sources.SourceProblem(problem.message, code=problem.code) from problem
    finally:
        sources.keep_token(subject.source, adapter.renewed)
    if person is None:
        message = "The source has no contact yet."
        raise ValidationFailed(message, code="no_such_contact", errors={"external_id": [message]})
    return person, _photo(adapter, person.values.get(subject.source.photo_field, ""), warnings)


def _person(adapter: ContactSource, external_id: str) -> Person | None:
    if external_id:
        return adapter.person(external_id)
    return next(iter(adapter.page("", None).people), None)


def _photo(adapter: ContactSource, address: str, warnings: list[str]) -> bytes | None:
    if not address.strip():
        return None
    try:
        return adapter.photo(address.strip())
    except PhotoProblem as problem:
        warnings.append(f"The photo can’t be had: {problem.message}")
        return None


def _prepared(photo: bytes, organization: Organization, warnings: list[str]) -> Any:
    own = preferences.get(organization.pk, InvitationSettings)
    options = FaceOptions(scale_factor=own.scale_factor_percent / 100, min_neighbors=own.min_neighbors)
    try:
        return renderers.prepare_photo(photo, options)
    except PictureError as error:
        warnings.append(f"The photo can’t be used: {error.message}")
        return None


def _values(subject: Subject, person: Person) -> dict[str, Any]:
    """Return what placeholders may name, as a card of a batch has it."""
    source = subject.source or InvitationSource(
        organization_id=subject.organization.pk, name_fields="name", email_field="email"
    )
    batch = InvitationBatch(source=source, name="Preview", organization_id=subject.organization.pk)
    invitation: Invitation = people.invitation_of(source, batch, person)
    invitation.lucky_number = person.values.get(source.lucky_field, "") or _LUCKY
    return drawing.values_of(invitation, batch)


def _read(uuid: str, organization: Organization) -> bytes:
    with files.open(files.get(UUID(uuid), organization.pk)) as content:
        data: bytes = content.read()
    return data


def _warnings_of(card: Card) -> list[str]:
    found: list[str] = []
    if card.missing_glyphs:
        found.append(f"No font has: {' '.join(card.missing_glyphs)}")
    if cut := [text.name for text in card.texts if not text.is_fitted]:
        found.append(f"Texts that were cut short: {', '.join(cut)}")
    if card.missing_values:
        found.append(f"Without a value: {', '.join(card.missing_values)}")
    return found
