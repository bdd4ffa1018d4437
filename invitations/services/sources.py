"""Sources: set up, changed, checked, given a file, removed."""

import secrets
from typing import IO, Any, Final

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, QuerySet

from chatboost.core import audit, clock, files
from chatboost.core.errors import Conflict, DomainError, ValidationFailed
from chatboost.core.exchange.errors import FileRefused
from chatboost.core.exchange.uploads import Handler
from chatboost.core.models import File
from invitations import providers
from invitations.choices import UNFINISHED, AuthKind, SourceKind
from invitations.models import Invitation, InvitationBatch, InvitationSource, SandboxContact
from invitations.providers import sandbox
from invitations.providers.base import AuthFailed, Checked, ProviderError, Token
from invitations.providers.files import open_table
from invitations.services import source_rules as rules
from teams import limits
from teams.models import Organization

logger = structlog.get_logger(__name__)

WRITABLE: Final = (
    *("name", "is_enabled", "base_url", "auth", "username", "password", "client_id", "client_secret"),
    *("audience", "audience_id", "name_fields", "email_field", "photo_field", "lucky_field", "link_field"),
    *("is_polled", "poll_minutes", "webhook_secret", "layout", "storage", "account"),
    *("notices", "lucky_mode", "lucky_first", "lucky_last", "lucky_digits"),
)
# A change of one of these makes other people of the same cursor.
WHO: Final = ("base_url", "audience", "audience_id")
# A change of one of these is a new beginning with the source's server.
CONNECTION: Final = (
    *("base_url", "auth", "username", "password", "client_id", "client_secret"),
    *("audience", "audience_id", "is_enabled"),
)
PURPOSE: Final = "invitation-source"
PERMISSION: Final = "invitations.view_invitationsource"
# How a column may be called that holds what we look for.
_HEADINGS: Final = {
    "name_fields": ("name", "full name", "fullname", "guest", "contact"),
    "email_field": ("email", "e-mail", "mail", "email address"),
    "photo_field": ("photo", "picture", "image", "photo url", "image url"),
    "lucky_field": ("lucky number", "lucky_number", "number"),
    "link_field": ("invitation_link", "invitation link", "link"),
}


class SourceProblem(Conflict):
    """The source can't be used as it is set up; the code is the provider's."""

    default_code = "source_refused"


class TableHandler(Handler):
    """Takes one table of people."""

    @property
    def max_bytes(self) -> int:
        """How large the table may be."""
        return int(settings.INVITATION_MAX_BYTES)


@transaction.atomic
def create(
    *, organization: Organization, kind: str, name: str, actor: Any | None = None, **fields: Any
) -> InvitationSource:
    """Set a source up. `fields` are among WRITABLE; what is not said is as its kind usually has it.

    The Mautic of the environment stands in for an address that the installation's staff leaves empty.

    Raises: Conflict (`source_exists, limit_reached`), ValidationFailed (see `source_rules.require`).
    """
    _require_known(fields)
    limits.check(organization, "invitation_sources")
    source = InvitationSource(organization=organization, kind=kind, name=name)
    if kind not in SourceKind.values:
        raise ValidationFailed("There is no such kind of source.", code="invalid_kind")
    if kind == SourceKind.MAUTIC and not fields.get("base_url") and getattr(actor, "is_staff", False):
        fields |= environment_fields()
    for field, value in {**providers.MAPPINGS[kind], **fields}.items():
        setattr(source, field, value)
    _save(source)
    if kind == SourceKind.SANDBOX:
        SandboxContact.objects.bulk_create(sandbox.people_of(source.pk, source.organization_id))
    made = {"kind": (None, source.kind), "name": (None, source.name), "base_url": (None, source.base_url)}
    audit.record(actor=actor, verb="invitation_source.created", object=source, changes=made)
    return source


@transaction.atomic
def change(source: InvitationSource, *, actor: Any | None = None, **fields: Any) -> InvitationSource:
    """Change the given fields; an empty secret clears it. What refused us is asked anew.

    Secrets belong to the place that they were entered for: another one needs them again, or whoever may
    change an address could have them sent wherever they like.

    Contacts are known by their numbers: a source that has invited anybody stays with its Mautic.

    Raises: as `create`, ValidationFailed (`credentials_required`), Conflict (`source_in_use`).
    """
    _require_known(fields)
    if "base_url" in fields:
        fields["base_url"] = rules.plain_address(fields["base_url"])
    row = lock(source)
    _keep_secrets_home(row, fields)
    _keep_numbers_home(row, fields)
    changes = audit.changes_of(row, **fields)
    for field in changes:
        setattr(row, field, fields[field])
    if changes.keys() & set(CONNECTION):
        row.error, row.failure_count, row.paused_until = "", 0, None
        row.access_token, row.token_expires_at = "", None
    if changes.keys() & set(WHO):
        _begin_again(row)
    _save(row)
    if changes:
        audit.record(actor=actor, verb="invitation_source.changed", object=row, changes=changes)
    return row


@transaction.atomic
def remove(source: InvitationSource, *, actor: Any | None = None) -> None:
    """Forget a source, with its file. Raises: Conflict (`source_in_use`)."""
    row = lock(source)
    audit.record(actor=actor, verb="invitation_source.deleted", object=row)
    if row.file_uuid is not None:
        files.give_up([row.file_uuid])
    try:
        row.delete()
    except ProtectedError as error:
        raise Conflict("Batches of this source are still kept.", code="source_in_use") from error


@transaction.atomic
def rotate_webhook_secret(source: InvitationSource, *, actor: Any | None = None) -> str:
    """Make a new secret for the source's webhooks and return it; the one before counts no more."""
    row = lock(source)
    row.webhook_secret = secrets.token_urlsafe(32)
    row.save(update_fields=["webhook_secret"])
    audit.record(
        actor=actor,
        verb="invitation_source.webhook_secret_rotated",
        object=row,
        changes={"webhook_secret": (None, None)},
    )
    return row.webhook_secret


def check(source: InvitationSource) -> Checked:
    """Ask the source whether it works and what it has, outside of any transaction, and note the answer.

    Raises: SourceProblem with the provider's code.
    """
    adapter = providers.source_of(source)
    try:
        checked = adapter.check()
    except ProviderError as problem:
        _note(source, problem, adapter.renewed)
        raise SourceProblem(problem.message, code=problem.code) from problem
    _note(source, None, adapter.renewed)
    return checked


def upload(
    source: InvitationSource, file: IO[bytes], *, file_name: str = "", actor: Any | None = None
) -> InvitationSource:
    """Take a table of people, look it through, and map its columns where their names leave no doubt.

    Takes its time: outside of a transaction.

    Raises: FileRefused, ValidationFailed (`not_a_file_source`).
    """
    if source.kind != SourceKind.FILE:
        raise ValidationFailed("Only a source of the kind “file” has one.", code="not_a_file_source")
    columns, content_type = _looked_through(file)
    file.seek(0)
    stored = files.write(
        organization_id=source.organization_id,
        purpose=PURPOSE,
        permission=PERMISSION,
        name=file_name or "people.csv",
        content_type=content_type,
        chunks=iter(lambda: file.read(64 * 1024), b""),
        expires_in=None,
    )
    try:
        return _use(source, stored, file_name, columns, actor)
    except BaseException:
        files.give_up([stored.uuid])
        raise


def keep_token(source: InvitationSource, token: Token | None) -> None:
    """Keep a token that an adapter of this source has got, unless its sign-in has changed since."""
    if token is not None:
        same = InvitationSource.objects.for_organization(source.organization_id).filter(
            pk=source.pk, base_url=source.base_url, client_id=source.client_id, auth=AuthKind.OAUTH2
        )
        same.update(access_token=token.value, token_expires_at=token.expires_at)


def environment_fields() -> dict[str, str]:
    """Return what MAUTIC_API_URL and MAUTIC_AUTH say, nothing where they don't."""
    username, _, password = settings.MAUTIC_AUTH.partition(":")
    if not (settings.MAUTIC_API_URL and username):
        return {}
    return {
        "base_url": settings.MAUTIC_API_URL,
        "auth": AuthKind.BASIC,
        "username": username,
        "password": password,
    }


def create_from_environment(organization: Organization, *, name: str = "Mautic") -> InvitationSource | None:
    """Make the source that the environment describes, where there is no Mautic yet.

    None where it describes none; one that can't be used is told in the log, and stops nothing.
    """
    fields = environment_fields()
    own = InvitationSource.objects.for_organization(organization).filter(kind=SourceKind.MAUTIC)
    found = own.order_by("id").first()
    if not fields or found is not None:
        return found
    try:
        return create(organization=organization, kind=SourceKind.MAUTIC, name=name, **fields)
    except DomainError as problem:
        logger.warning("mautic_of_environment_refused", code=problem.code, reason=problem.message)
        return None


def lock(source: InvitationSource) -> InvitationSource:
    """Return the source as it is now, locked until the transaction ends."""
    row: InvitationSource = _itself(source).select_for_update(no_key=True).get()
    return row


def _itself(source: InvitationSource) -> QuerySet[InvitationSource]:
    return InvitationSource.objects.for_organization(source.organization_id).filter(pk=source.pk)


def _require_known(fields: dict[str, Any]) -> None:
    if unknown := set(fields) - set(WRITABLE):
        raise TypeError(f"no such field of a source: {', '.join(sorted(unknown))}")


def _keep_secrets_home(row: InvitationSource, fields: dict[str, Any]) -> None:
    """Refuse to send secrets to another place than they were entered for. Raises: ValidationFailed."""
    if rules.origin_of(fields.get("base_url", row.base_url)) == rules.origin_of(row.base_url):
        return
    _, secret = rules.secrets_of(fields.get("auth", row.auth))
    if getattr(row, secret) and not fields.get(secret):
        raise ValidationFailed(
            "Another address needs its sign-in.",
            code="credentials_required",
            errors={secret: ["Enter it again: the one that is stored was for the address before."]},
        )
    for other in ("password", "client_secret"):
        # Of the other way to sign in: it would go along the next time somebody changes that.
        fields.setdefault(other, "")


def _keep_numbers_home(row: InvitationSource, fields: dict[str, Any]) -> None:
    """Refuse another Mautic where people were invited: its numbers are other people's. Raises: Conflict."""
    address = fields.get("base_url", row.base_url)
    if rules.origin_of(address) == rules.origin_of(row.base_url):
        return
    if Invitation.objects.filter(source=row).exists():
        message = "People of this Mautic have invitations: make a source of its own for another one."
        raise Conflict(message, code="source_in_use", errors={"base_url": [message]})


def _begin_again(row: InvitationSource) -> None:
    """Have a locked source, not saved yet, and its batches go through its people from the beginning."""
    row.poll_cursor, row.poll_began_at, row.polled_up_to = "", None, None
    unfetched = InvitationBatch.objects.filter(source=row, state__in=UNFINISHED, is_fetched=False)
    unfetched.update(fetch_cursor="")


@transaction.atomic
def _note(source: InvitationSource, problem: ProviderError | None, token: Token | None) -> None:
    keep_token(source, token)
    row = lock(source)
    row.checked_at = clock.now()
    if problem is None:
        row.error = ""
    elif isinstance(problem, AuthFailed):
        row.error = problem.message
    row.save(update_fields=["checked_at", "error"])
    source.checked_at, source.error = row.checked_at, row.error


def _save(source: InvitationSource) -> None:
    rules.require(source)
    # The database decides about uniqueness: asking first would race.
    source.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            source.save()
    except IntegrityError as error:
        raise Conflict("Another source has this name.", code="source_exists") from error


def _looked_through(file: IO[bytes]) -> tuple[tuple[str, ...], str]:
    """Return the columns of a table that can be read to its end, and what it is. Raises: FileRefused."""
    table, count = open_table(file), 0
    columns: tuple[str, ...] = ()
    for batch in table.batches:
        columns = batch.columns
        count += len(batch.rows)
        if batch.broken:
            broken = batch.broken[0]
            raise FileRefused(f"Row {broken.number}: {broken.error}", code="malformed_row")
    if not count:
        raise FileRefused("There are no rows below the headings.", code="no_rows")
    is_csv = table.format == "csv"
    return columns, "text/csv" if is_csv else (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    )


@transaction.atomic
def _use(
    source: InvitationSource, stored: File, file_name: str, columns: tuple[str, ...], actor: Any | None
) -> InvitationSource:
    row = lock(source)
    before = row.file_name
    if row.file_uuid is not None:
        files.give_up([row.file_uuid])
    row.file_uuid, row.file_name = stored.uuid, file_name[:200]
    row.error = ""
    _begin_again(row)
    for field, value in _mapping_of(row, columns).items():
        setattr(row, field, value)
    row.save()
    changes = {"file_name": (before, row.file_name)}
    audit.record(actor=actor, verb="invitation_source.file_uploaded", object=row, changes=changes)
    return row


def _mapping_of(source: InvitationSource, columns: tuple[str, ...]) -> dict[str, str]:
    """Return the columns that fields mean, for those whose own names are not in the table."""
    known = {column.casefold().strip(): column for column in columns}
    found: dict[str, str] = {}
    for field, headings in _HEADINGS.items():
        named = [name.strip() for name in getattr(source, field).split(",")]
        if not any(name in columns for name in named):
            match = next((known[heading] for heading in headings if heading in known), "")
            if match:
                found[field] = match
    first, last = (known.get(name, "") for name in ("first name", "last name"))
    if "name_fields" not in found and not set(providers.names_of(source)) & set(columns) and (first or last):
        found["name_fields"] = ", ".join(filter(None, (first, last)))
    return found
