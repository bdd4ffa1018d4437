"""Contacts: created, changed, found by phone, erased."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from chatboost.core import audit, clock, events
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.messaging.events import ContactCreated, ContactErased
from chatboost.messaging.models import (
    Contact,
    ContactAttribute,
    ContactStatus,
    DeliveryStatus,
    Message,
    ReceiptKind,
    SendAttempt,
    WebhookReceipt,
)
from chatboost.messaging.phones import PhoneError, normalise
from chatboost.messaging.services import attributes as attribute_service
from teams.models import Organization

WRITABLE = ("phone", "first_name", "last_name", "email", "language", "status")

# Keys of one look-up: far below SQLite's limit of parameters.
_KEYS_AT_ONCE = 400


@transaction.atomic
def create(
    *,
    organization: Organization,
    source: str,
    attributes: Sequence[Mapping[str, Any]] = (),
    **fields: Any,
) -> Contact:
    """Add a person. `fields` are among WRITABLE; `attributes` as in `attributes.set_many`.

    Raises: Conflict (`contact_exists`), ValidationFailed (`phone_required, invalid_phone,
    invalid_attributes`).
    """
    contact = Contact(organization=organization)
    _fill(contact, fields)
    _save(contact)
    events.publish(ContactCreated(organization_id=organization.pk, contact_id=contact.pk, source=source))
    if attributes:
        attribute_service.set_many(contact=contact, entries=attributes)
    return contact


@transaction.atomic
def update(contact: Contact, *, attributes: Sequence[Mapping[str, Any]] = (), **fields: Any) -> Contact:
    """Change the given fields; attributes that are not named stay.

    Raises: as `create`.
    """
    row: Contact = _locked(contact).get()
    _fill(row, fields)
    _save(row)
    if attributes:
        attribute_service.set_many(contact=row, entries=attributes)
    return row


@transaction.atomic
def find_or_create(*, organization: Organization, phone: str, source: str) -> tuple[Contact, bool]:
    """Return the person with this phone, in any notation, and whether they are new.

    Raises: ValidationFailed (`invalid_phone`).
    """
    number = read_phone(phone)
    contact = Contact.objects.for_organization(organization).filter(phone=number).first()
    if contact is not None:
        return contact, False
    try:
        return create(organization=organization, source=source, phone=number), True
    except Conflict:  # somebody was faster
        return Contact.objects.for_organization(organization).get(phone=number), False


@transaction.atomic
def erase(contact: Contact, *, actor: Any | None = None) -> None:
    """Forget the person for good: who it was, what is known, what was said. Twice is as good as once.

    Messages keep their row, direction, status and times, so that counts stay true; what they said is gone,
    and so is what the vendor delivered about them. Whoever writes again later is somebody new.
    """
    row = _locked(contact).first()
    if row is None:
        return
    now = clock.now()
    Contact.objects.for_organization(row.organization_id).filter(pk=row.pk).update(
        phone=None,
        external_user_id=None,
        first_name="",
        last_name="",
        email="",
        language="",
        status=ContactStatus.ARCHIVED,
        updated_at=now,
        erased_at=now,
    )
    ContactAttribute.objects.filter(contact=row).delete()
    _empty_receipts(row)
    SendAttempt.objects.filter(message__contact=row).update(error_detail="")
    DeliveryStatus.objects.filter(message__contact=row).update(error_detail="")
    Message.objects.filter(contact=row).update(text="", content={}, reason_detail="", changed_at=now)
    audit.forget(row)
    nameless = Contact(pk=row.pk, organization_id=row.organization_id)
    audit.record(actor=actor, verb="contact.erased", object=nameless)
    events.publish(ContactErased(organization_id=row.organization_id, contact_id=row.pk))


def _locked(contact: Contact) -> QuerySet[Contact]:
    people = Contact.objects.for_organization(contact.organization_id)
    return people.select_for_update().filter(pk=contact.pk, erased_at=None)


def _empty_receipts(contact: Contact) -> None:
    """Empty the payloads of the person's messages and statuses; the keys stay, so repeats are recognised."""
    keys: dict[int, list[str]] = {}
    messages = Message.objects.filter(contact=contact).exclude(external_id="")
    for channel_id, external_id in messages.values_list("channel_id", "external_id").iterator():
        keys.setdefault(channel_id, []).append(f"m:{external_id}")
    statuses = DeliveryStatus.objects.filter(message__contact=contact)
    for channel_id, external_id, word, at in statuses.values_list(
        "channel_id", "external_id", "status", "occurred_at"
    ).iterator():
        keys.setdefault(channel_id, []).append(f"s:{external_id}:{word}:{int(at.timestamp())}")
    kinds = [ReceiptKind.MESSAGE, ReceiptKind.STATUS]
    receipts = WebhookReceipt.objects.for_organization(contact.organization_id)
    for channel_id, wanted in keys.items():
        for start in range(0, len(wanted), _KEYS_AT_ONCE):
            receipts.filter(
                channel_id=channel_id, kind__in=kinds, key__in=wanted[start : start + _KEYS_AT_ONCE]
            ).update(payload={})


def _fill(contact: Contact, fields: Mapping[str, Any]) -> None:
    unknown = set(fields) - set(WRITABLE)
    if unknown:
        raise TypeError(f"no such field of a contact: {', '.join(sorted(unknown))}")
    for name, value in fields.items():
        setattr(contact, name, read_phone(value) if name == "phone" and value else value)
    contact.phone = contact.phone or None
    if not contact.phone and not contact.external_user_id:
        raise ValidationFailed(
            "A contact needs a phone number.",
            code="phone_required",
            errors={"phone": ["This field is required."]},
        )


def read_phone(text: str) -> str:
    """Return the stored form of a phone number. Raises: ValidationFailed (`invalid_phone`)."""
    try:
        return normalise(text)
    except PhoneError as problem:
        raise ValidationFailed(
            str(problem), code="invalid_phone", errors={"phone": [str(problem)]}
        ) from problem


def _save(contact: Contact) -> None:
    # The database decides about uniqueness: asking first would race.
    contact.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            contact.save()
    except IntegrityError as error:
        raise Conflict("A contact with this phone number exists.", code="contact_exists") from error
