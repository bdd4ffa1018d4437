"""Where contacts come from, and where cards go: adapters, and which one serves what."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings

from invitations.choices import AudienceKind, SourceKind
from invitations.models import InvitationSource
from invitations.providers.base import ContactSource, Token
from invitations.providers.contacts import OwnContacts
from invitations.providers.files import FileSource
from invitations.providers.mautic import MauticSource
from invitations.providers.mautic_client import MauticAccount
from invitations.providers.sandbox import SandboxSource

# Which of its contacts a kind can be asked for.
AUDIENCES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        SourceKind.MAUTIC: frozenset({AudienceKind.ALL, AudienceKind.FORM, AudienceKind.SEGMENT}),
        SourceKind.FILE: frozenset({AudienceKind.ALL}),
        SourceKind.CONTACTS: frozenset({AudienceKind.ALL, AudienceKind.ATTRIBUTE}),
        SourceKind.SANDBOX: frozenset({AudienceKind.ALL}),
    }
)
# What a new source's fields are called where nobody says.
MAPPINGS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        SourceKind.MAUTIC: {},
        SourceKind.FILE: {"name_fields": "name"},
        SourceKind.CONTACTS: {"name_fields": "first_name, last_name", "photo_field": "photo"},
        SourceKind.SANDBOX: {"photo_field": "photo", "lucky_field": "lucky_number"},
    }
)


def source_of(source: InvitationSource) -> ContactSource:
    """Make the adapter of a source; it holds plain values, and may be used after the transaction."""
    return _MAKERS[source.kind](source)


def names_of(source: InvitationSource) -> tuple[str, ...]:
    """Return the fields that a person's name is made of."""
    return tuple(filter(None, (name.strip() for name in source.name_fields.split(","))))


def wanted_of(source: InvitationSource) -> tuple[str, ...]:
    """Return the fields that mean something to a source's batches, each once."""
    others = (source.link_field, source.email_field, source.photo_field, source.lucky_field)
    return tuple(dict.fromkeys(filter(None, (*names_of(source), *others))))


def _mautic(source: InvitationSource) -> MauticSource:
    token = None
    if source.access_token and source.token_expires_at is not None:
        token = Token(source.access_token, source.token_expires_at)
    account = MauticAccount(
        base_url=source.base_url,
        auth=source.auth,
        username=source.username,
        password=source.password,
        client_id=source.client_id,
        client_secret=source.client_secret,
        token=token,
        deadline=settings.MAUTIC_DEADLINE,
        private_hosts=frozenset(host.lower() for host in settings.FETCH_ALLOWED_PRIVATE_HOSTS),
    )
    return MauticSource(
        account,
        audience=source.audience,
        audience_id=source.audience_id,
        wanted=wanted_of(source),
        link_field=source.link_field,
    )


def _file(source: InvitationSource) -> FileSource:
    return FileSource(source.file_uuid, source.organization_id, email_field=source.email_field)


def _contacts(source: InvitationSource) -> OwnContacts:
    chosen = source.audience_id if source.audience == AudienceKind.ATTRIBUTE else ""
    return OwnContacts(source.organization_id, attribute=chosen)


def _sandbox(source: InvitationSource) -> SandboxSource:
    return SandboxSource(source.pk, source.organization_id)


_MAKERS: Final[Mapping[str, Callable[[InvitationSource], Any]]] = MappingProxyType(
    {
        SourceKind.MAUTIC: _mautic,
        SourceKind.FILE: _file,
        SourceKind.CONTACTS: _contacts,
        SourceKind.SANDBOX: _sandbox,
    }
)
