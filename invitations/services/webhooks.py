"""Mautic's webhook: the bytes are verified before anything of them is read, then people are invited."""

from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from chatboost.core.tenancy import activity
from invitations import providers
from invitations.choices import AudienceKind
from invitations.errors import BodyMalformed, BodyTooLarge, SignatureInvalid
from invitations.models import InvitationSource
from invitations.providers import mautic_webhook
from invitations.providers.base import BadResponse, Person
from invitations.providers.mautic_webhook import Happened
from invitations.services import arrivals
from invitations.services.people import Added

HEADER: Final = mautic_webhook.SIGNATURE_HEADER


def accept(source_uuid: UUID, body: bytes, signature: str) -> Added:
    """Invite those whom a signed delivery is about; delivered again, it changes nothing.

    Returns after the commit: then a 200 is honest. A source that is switched off takes nobody. Whether
    somebody is in a segment no delivery says: there the source is looked at soon instead, if it is polled.

    Raises: BodyTooLarge, SignatureInvalid, BodyMalformed, NotNow, Conflict (`limit_reached`).
    """
    if len(body) > settings.WEBHOOK_MAX_BYTES:
        raise BodyTooLarge("A delivery has at most 3 MiB.")
    source = InvitationSource.objects.across_organizations().filter(uuid=source_uuid).first()
    # Who can't sign learns nothing, not even whether there is such a source.
    if not mautic_webhook.is_signed(body, signature, source.webhook_secret if source else ""):
        raise SignatureInvalid(f"{HEADER} does not match the body.")
    if source is None or not source.is_enabled or activity.inactive({source.organization_id}):
        return Added()
    try:
        happened = mautic_webhook.read(body, providers.wanted_of(source))
    except BadResponse as problem:
        raise BodyMalformed(problem.message) from problem
    return _invite(source, happened)


def _invite(source: InvitationSource, happened: list[Happened]) -> Added:
    if source.audience == AudienceKind.SEGMENT:
        if happened:
            _look_soon(source)
        return Added()
    people = [each.person for each in happened if _is_meant(source, each)]
    return arrivals.welcome(source, _newest(people)) if people else Added()


def _is_meant(source: InvitationSource, happened: Happened) -> bool:
    return source.audience != AudienceKind.FORM or happened.form_id == source.audience_id


def _newest(people: list[Person]) -> list[Person]:
    """Return each person once, as they were told of last."""
    return list({person.external_id: person for person in people}.values())


@transaction.atomic
def _look_soon(source: InvitationSource) -> None:
    own = InvitationSource.objects.for_organization(source.organization_id)
    own.filter(pk=source.pk).update(polled_at=None)
