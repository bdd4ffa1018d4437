"""Layouts: saved as versions that never change, each with the assets of then."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from chatboost.core import audit, clock, files
from chatboost.core.errors import Conflict, ValidationFailed
from invitations import rendering
from invitations.choices import AssetKind
from invitations.errors import AssetRefused, LayoutRefused, NotNow
from invitations.models import InvitationLayout, LayoutAsset, LayoutVersion
from invitations.rendering import LayoutError
from invitations.services import assets
from teams import limits
from teams.models import Organization

FIRST_NAME: Final = "Invitation card"
TEMPLATE_NAME: Final = "template"
_MAX_PROBLEMS: Final = 50


@transaction.atomic
def create(
    *, organization: Organization, name: str, document: Any, actor: Any | None = None
) -> InvitationLayout:
    """Add a layout with its first version.

    Raises: LayoutRefused, ValidationFailed (`invalid_name`), Conflict (`layout_exists, limit_reached`).
    """
    limits.check(organization, "invitation_layouts")
    layout = InvitationLayout(organization=organization, name=_checked_name(name), created_at=clock.now())
    _save_name(layout)
    audit.record(actor=actor, verb="invitation_layout.created", object=layout)
    save_version(layout, document=document, actor=actor)
    layout.refresh_from_db()
    return layout


@transaction.atomic
def save_version(layout: InvitationLayout, *, document: Any, actor: Any | None = None) -> LayoutVersion:
    """Save a document as the version that new batches begin with; the same one again is no new version.

    Raises: LayoutRefused.
    """
    pinned = check(layout.organization_id, document)
    row = _lock(layout)
    newest = row.versions.order_by("-number").first()
    if newest is not None and (newest.document, newest.assets) == (document, pinned):
        return newest
    row.version_count += 1
    row.save(update_fields=["version_count"])
    version = LayoutVersion.objects.create(
        organization_id=row.organization_id,
        layout=row,
        number=row.version_count,
        document=document,
        assets=pinned,
        actor_label=str(actor)[:150] if actor is not None else "",
        created_at=clock.now(),
    )
    audit.record(
        actor=actor,
        verb="invitation_layout.saved",
        object=row,
        changes={"version": (row.version_count - 1 or None, row.version_count)},
    )
    return version


@transaction.atomic
def rename(layout: InvitationLayout, *, name: str, actor: Any | None = None) -> InvitationLayout:
    """Give a layout another name. Raises: ValidationFailed (`invalid_name`), Conflict (`layout_exists`)."""
    row = _lock(layout)
    changes = audit.changes_of(row, name=_checked_name(name))
    if changes:
        row.name = changes["name"][1]
        _save_name(row)
        audit.record(actor=actor, verb="invitation_layout.changed", object=row, changes=changes)
    return row


@transaction.atomic
def delete(layout: InvitationLayout, *, actor: Any | None = None) -> None:
    """Remove a layout with its versions. Raises: NotNow (`in_use`)."""
    audit.record(actor=actor, verb="invitation_layout.deleted", object=layout)
    try:
        with transaction.atomic():
            layout.delete()
    except ProtectedError as error:
        raise NotNow("Sources or batches use this layout.", code="in_use") from error


@transaction.atomic
def latest(organization: Organization, layout: InvitationLayout | None) -> LayoutVersion:
    """Return the version that a batch begins with; without a layout, of the organization's oldest one.

    An organization that has none gets the one that comes with ChatBoost, on INVITATION_TEMPLATE's picture.

    Raises: NotNow (`template_unusable`).
    """
    chosen = layout or _oldest(organization)
    if chosen is None:
        # Whoever waits here finds the layout that was made meanwhile.
        limits.check(organization, "invitation_layouts", 0)
        chosen = _oldest(organization) or _first(organization)
    found: LayoutVersion = chosen.versions.order_by("-number")[:1].get()
    return found


def check(organization_id: int, document: Any) -> dict[str, str]:
    """Return which files the names in a document stand for. Raises: LayoutRefused."""
    try:
        layout = rendering.parse(document)
    except LayoutError as error:
        raise _refusal(error.problems) from error
    own = assets.of(organization_id)
    problems = list(_missing(layout, own))
    if problems:
        raise _refusal(problems)
    used = layout.pictures | (layout.fonts & own.keys())
    return {name: str(own[name].file_uuid) for name in sorted(used)}


def _missing(layout: rendering.Layout, own: Mapping[str, LayoutAsset]) -> Iterator[tuple[str, str]]:
    pictures = {name for name, asset in own.items() if asset.kind == AssetKind.PICTURE}
    fonts = own.keys() - pictures | set(rendering.font_families())
    for name in sorted(layout.pictures - pictures):
        yield f"pictures.{name}", f"There is no picture {name}."
    for name in sorted(layout.fonts - fonts):
        yield f"fonts.{name}", f"There is no font {name}."


def _oldest(organization: Organization) -> InvitationLayout | None:
    own: InvitationLayout | None = (
        InvitationLayout.objects.for_organization(organization).order_by("id").first()
    )
    return own


def _first(organization: Organization) -> InvitationLayout:
    """Make an organization's first layout. Reads the template inside the transaction, once for ever."""
    document = rendering.default_document()
    path = settings.INVITATION_TEMPLATE
    if path:
        name = _take_template(organization, Path(path))
        document = {**document, "background": {**document.get("background", {}), "picture": name}}
    return create(organization=organization, name=FIRST_NAME, document=document)


def _take_template(organization: Organization, path: Path) -> str:
    try:
        prepared = assets.prepare(AssetKind.PICTURE, path.read_bytes())
    except (OSError, AssetRefused) as error:
        reason = error.message if isinstance(error, AssetRefused) else error.strerror
        raise NotNow(f"INVITATION_TEMPLATE can’t be used: {reason}", code="template_unusable") from error
    (place,) = files.reserve(
        1,
        organization_id=organization.pk,
        purpose=assets.PURPOSE,
        permission=assets.PERMISSION,
        expires_at=None,
    )
    filled = files.fill(place, prepared.content, name=path.name, content_type=prepared.media_type)
    files.complete([filled])
    file = files.get(place.uuid, organization.pk)
    assets.store(organization=organization, name=TEMPLATE_NAME, prepared=prepared, file=file, actor=None)
    return TEMPLATE_NAME


def _refusal(problems: list[tuple[str, str]]) -> LayoutRefused:
    errors: dict[str, list[str]] = {}
    for path, message in problems[:_MAX_PROBLEMS]:
        errors.setdefault(f"document.{path}" if path else "document", []).append(message)
    return LayoutRefused("The layout can’t be used.", errors=errors)


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        message = "A name has 1 to 100 visible characters."
        raise ValidationFailed(message, code="invalid_name", errors={"name": [message]})
    return name


def _lock(layout: InvitationLayout) -> InvitationLayout:
    own = InvitationLayout.objects.for_organization(layout.organization_id)
    row: InvitationLayout = own.select_for_update().get(pk=layout.pk)
    return row


def _save_name(layout: InvitationLayout) -> None:
    try:
        with transaction.atomic():
            layout.save()
    except IntegrityError as error:
        raise Conflict("There is a layout of this name already.", code="layout_exists") from error
