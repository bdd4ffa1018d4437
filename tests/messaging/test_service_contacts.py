"""Contacts: one per phone, and forgotten for good."""

from typing import Any

import pytest
from django.apps import apps
from django.core import serializers

from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.messaging.models import (
    Contact,
    ContactAttribute,
    DeliveryStatus,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
    ReceiptKind,
    SendAttempt,
    WebhookReceipt,
)
from chatboost.messaging.services import contacts
from teams.models import Organization
from tests import factories
from tests.messaging.listening import listening

CANARY = "5550199123"


def test_create_strips_the_phones_formatting(organization: Organization) -> None:
    contact = contacts.create(organization=organization, source="api", phone="1 (555) 010-0123")

    assert contact.phone == "+15550100123"


def test_create_is_told_with_its_source(organization: Organization) -> None:
    with listening("contact_created") as heard:
        contact = contacts.create(organization=organization, source="import", phone="+15550100123")

    assert heard == [{"organization_id": organization.pk, "contact_id": contact.pk, "source": "import"}]


def test_create_known_phone_in_other_notation_is_a_conflict(organization: Organization) -> None:
    contacts.create(organization=organization, source="api", phone="+15550100123")

    with pytest.raises(Conflict) as caught:
        contacts.create(organization=organization, source="api", phone="1-555-010-0123")

    assert caught.value.code == "contact_exists"


def test_create_phone_of_another_organization_is_nobodys_business(
    organization: Organization, other_organization: Organization
) -> None:
    contacts.create(organization=other_organization, source="api", phone="+15550100123")

    assert contacts.create(organization=organization, source="api", phone="+15550100123").pk


def test_create_with_a_wrong_attribute_creates_nobody(organization: Organization) -> None:
    attributes = [{"key": "age", "value": "many", "value_type": "number"}]

    with pytest.raises(ValidationFailed):
        contacts.create(organization=organization, source="api", phone="+15550100123", attributes=attributes)

    assert not Contact.objects.exists()


@pytest.mark.parametrize("phone", ["", None])
def test_create_without_phone_is_refused(organization: Organization, phone: str | None) -> None:
    with pytest.raises(ValidationFailed) as caught:
        contacts.create(organization=organization, source="api", phone=phone)

    assert caught.value.code == "phone_required"


def test_update_may_leave_a_contact_without_phone_when_the_vendor_knows_it(
    organization: Organization,
) -> None:
    contact = factories.contact(organization, external_user_id="US.1")

    assert contacts.update(contact, phone=None).phone is None


def test_find_or_create_finds_the_same_person_in_any_notation(organization: Organization) -> None:
    first, is_new = contacts.find_or_create(organization=organization, phone="1234567890", source="api")
    second, is_new_again = contacts.find_or_create(
        organization=organization, phone="+123 456 7890", source="api"
    )

    assert (first.pk, is_new, is_new_again) == (second.pk, True, False)


@pytest.fixture
def talkative(organization: Organization) -> Contact:
    """Somebody whose number and words are in every place that can hold them."""
    channel = factories.channel(factories.bot(organization))
    contact = factories.contact(
        organization,
        phone=f"+1{CANARY}",
        external_user_id=f"US.{CANARY}",
        first_name=CANARY,
        last_name=CANARY,
        email=f"{CANARY}@example.com",
        language=CANARY,
    )
    ContactAttribute.objects.create(
        organization=organization, contact=contact, key="number", value=CANARY, search_value=CANARY
    )
    conversation = factories.conversation(channel, contact)
    common: dict[str, Any] = {
        "organization": organization,
        "bot_id": channel.bot_id,
        "channel": channel,
        "conversation": conversation,
        "contact": contact,
        "text": CANARY,
        "content": {"text": CANARY},
        "reason_detail": CANARY,
    }
    Message.objects.create(
        direction=Direction.INBOUND,
        status=MessageStatus.RECEIVED,
        external_id="in-1",
        origin_kind=OriginKind.CONTACT,
        **common,
    )
    sent = Message.objects.create(
        direction=Direction.OUTBOUND,
        status=MessageStatus.DELIVERED,
        external_id="out-1",
        origin_kind=OriginKind.API,
        **common,
    )
    SendAttempt.objects.create(organization=organization, message=sent, number=1, error_detail=CANARY)
    status = DeliveryStatus.objects.create(
        organization=organization,
        channel=channel,
        message=sent,
        external_id="out-1",
        status="delivered",
        error_detail=CANARY,
        occurred_at="2030-01-01T00:00:00Z",
    )
    status.refresh_from_db()
    delivered_at = int(status.occurred_at.timestamp())
    for key, kind in (
        ("m:in-1", ReceiptKind.MESSAGE),
        (f"s:out-1:delivered:{delivered_at}", ReceiptKind.STATUS),
    ):
        WebhookReceipt.objects.create(
            organization=organization, channel=channel, key=key, kind=kind, payload={"from": CANARY}
        )
    return contact


def _whole_database() -> str:
    rows = [row for model in apps.get_models() if model._meta.managed for row in model._default_manager.all()]
    return serializers.serialize("json", rows)


def test_erase_leaves_no_trace_in_the_database(talkative: Contact) -> None:
    assert CANARY in _whole_database()

    contacts.erase(talkative)

    assert CANARY not in _whole_database()


def test_erase_keeps_what_is_counted(talkative: Contact) -> None:
    before = list(Message.objects.values_list("id", "direction", "status", "external_id", "created_at"))

    contacts.erase(talkative)

    assert (
        list(Message.objects.values_list("id", "direction", "status", "external_id", "created_at")) == before
    )


def test_erase_leaves_others_alone(talkative: Contact, organization: Organization) -> None:
    other = factories.contact(organization, first_name="Ana")
    receipt = WebhookReceipt.objects.create(
        organization=organization,
        channel=factories.channel(factories.bot(organization)),
        key="m:in-1",
        kind=ReceiptKind.MESSAGE,
        payload={"kept": True},
    )

    contacts.erase(talkative)

    assert Contact.objects.get(pk=other.pk).first_name == "Ana"
    assert WebhookReceipt.objects.get(pk=receipt.pk).payload == {"kept": True}


def test_erase_twice_is_told_once(talkative: Contact) -> None:
    with listening("contact_erased") as heard:
        contacts.erase(talkative)
        contacts.erase(talkative)

    assert heard == [{"organization_id": talkative.organization_id, "contact_id": talkative.pk}]


def test_erased_person_who_comes_back_is_somebody_new(talkative: Contact, organization: Organization) -> None:
    contacts.erase(talkative)

    back, is_new = contacts.find_or_create(organization=organization, phone=f"+1{CANARY}", source="api")

    assert is_new
    assert back.pk != talkative.pk
