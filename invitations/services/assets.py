"""Assets: the pictures and fonts that layouts name. Prepared in a child process before anything is stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from chatboost.core import audit, clock, files
from chatboost.core.errors import ValidationFailed
from chatboost.core.models import File
from chatboost.core.pictures import PictureError
from invitations import renderers, rendering
from invitations.choices import AssetKind
from invitations.errors import AssetRefused
from invitations.models import LayoutAsset, LayoutVersion
from teams import limits
from teams.models import Organization

PURPOSE: Final = "invitation-asset"
PERMISSION: Final = "invitations.view_layoutasset"
MAX_BYTES: Final = 25 * 1024 * 1024
MAX_NAME: Final = 100
_FONT_TYPE: Final = "font/sfnt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An asset's bytes as layouts use them, and what is known of them."""

    kind: str
    content: bytes
    media_type: str
    width: int | None = None
    height: int | None = None
    family: str = ""


def add(
    *, organization: Organization, name: str, kind: str, content: bytes, actor: Any | None = None
) -> LayoutAsset:
    """Take a picture or a font under a name; another one of that name is replaced in new versions.

    Takes its time: outside of a transaction.

    Raises: AssetRefused, ValidationFailed (`invalid_name`), Conflict (`limit_reached`).
    """
    name = check_name(name)
    prepared = prepare(kind, content)
    file = files.write(
        organization_id=organization.pk,
        purpose=PURPOSE,
        permission=PERMISSION,
        name=name,
        content_type=prepared.media_type,
        chunks=[prepared.content],
        expires_in=None,
    )
    try:
        return store(organization=organization, name=name, prepared=prepared, file=file, actor=actor)
    except BaseException:
        files.delete(file)
        raise


def prepare(kind: str, content: bytes) -> Prepared:
    """Have a picture decoded and written anew, or a font read, by a child process. Raises: AssetRefused."""
    if len(content) > MAX_BYTES:
        raise _refusal("too_large", f"A picture or font has at most {MAX_BYTES // 2**20} MiB.")
    try:
        if kind == AssetKind.FONT:
            font = renderers.pool().check_font(content)
            return Prepared(kind=kind, content=content, media_type=_FONT_TYPE, family=font.family[:200])
        picture = renderers.pool().prepare_picture(content)
    except PictureError as error:
        raise _refusal(error.code, error.message) from error
    return Prepared(
        kind=kind,
        content=picture.content,
        media_type=picture.media_type,
        width=picture.width,
        height=picture.height,
    )


@transaction.atomic
def store(
    *, organization: Organization, name: str, prepared: Prepared, file: File, actor: Any | None
) -> LayoutAsset:
    """Give a stored file its name. Raises: Conflict (`limit_reached`)."""
    own = LayoutAsset.objects.for_organization(organization)
    is_new = not own.filter(name=name).exists()
    limits.check(organization, "layout_assets", 1 if is_new else 0)
    # Nobody else names any as long as the organization is locked.
    row = own.filter(name=name).first() or LayoutAsset(
        organization=organization, name=name, created_at=clock.now()
    )
    replaced = row.file_uuid if row.pk else None
    row.kind, row.media_type, row.file_uuid = prepared.kind, prepared.media_type, file.uuid
    row.width, row.height, row.family = prepared.width, prepared.height, prepared.family
    row.save()
    if replaced is not None:
        _give_up_unpinned(organization.pk, [replaced])
    audit.record(actor=actor, verb="layout_asset.stored", object=row)
    return row


@transaction.atomic
def delete(asset: LayoutAsset, *, actor: Any | None = None) -> None:
    """Let new versions not have it. Versions that use it keep it."""
    audit.record(actor=actor, verb="layout_asset.deleted", object=asset)
    asset.delete()
    _give_up_unpinned(asset.organization_id, [asset.file_uuid])


def check_name(name: str) -> str:
    """Return a name as documents write it. Raises: ValidationFailed (`invalid_name`)."""
    name = " ".join(name.split())
    message = ""
    if not name or len(name) > MAX_NAME or not name.isprintable():
        message = f"A name has 1 to {MAX_NAME} visible characters."
    elif name in rendering.font_families():
        message = "A font that comes with ChatBoost has this name."
    if message:
        raise ValidationFailed(message, code="invalid_name", errors={"name": [message]})
    return name


def of(organization_id: int) -> dict[str, LayoutAsset]:
    """Return an organization's assets by name. One query."""
    rows = LayoutAsset.objects.for_organization(organization_id).order_by("name")
    return {row.name: row for row in rows}


def _give_up_unpinned(organization_id: int, uuids: Iterable[UUID]) -> None:
    """Have files removed that no version of a layout uses."""
    pinned: set[str] = set()
    rows = LayoutVersion.objects.for_organization(organization_id).exclude(assets={})
    for assets in rows.values_list("assets", flat=True):
        pinned.update(assets.values())
    files.give_up([uuid for uuid in uuids if str(uuid) not in pinned])


def _refusal(code: str, message: str) -> AssetRefused:
    return AssetRefused(message, code=code, errors={"file": [message]})
