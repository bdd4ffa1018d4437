"""What comes in for an organization that is switched off, and what goes on after it is back."""

import pytest

from chatboost.core import clock
from chatboost.messaging.models import Channel, Message, MessageStatus, SendAttempt, WebhookReceipt
from teams.models import Organization
from teams.services import deletion
from tests import factories
from tests.messaging import pipeline
from tests.messaging.pipeline import NOW, seconds

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization))


def test_messages_are_taken_and_dropped(organization: Organization, channel: Channel) -> None:
    deletion.delete(organization=organization, slug="acme")

    accepted = pipeline.deliver(channel, messages=[pipeline.text("Hello?")])

    assert (accepted.parts, accepted.new) == (0, 0)
    assert not WebhookReceipt.objects.exists()


def test_another_organizations_part_of_the_delivery_is_kept(
    organization: Organization, other_organization: Organization, channel: Channel
) -> None:
    other = factories.channel(factories.bot(other_organization))
    deletion.delete(organization=organization, slug="acme")

    pipeline.deliver(other, messages=[pipeline.text("Hello?")])

    assert WebhookReceipt.objects.get().channel_id == other.pk


def test_queued_message_waits_and_goes_after_a_restore(organization: Organization, channel: Channel) -> None:
    conversation = factories.conversation(
        channel, factories.contact(organization), window_expires_at=NOW + seconds(7200)
    )
    message = pipeline.queue(conversation)
    deletion.delete(organization=organization, slug="acme")

    pipeline.work()
    message.refresh_from_db()
    assert message.status == MessageStatus.QUEUED
    assert not SendAttempt.objects.exists()

    with clock.frozen(NOW + seconds(60)):
        deletion.restore(organization=organization)
    pipeline.work(NOW + seconds(60))
    message.refresh_from_db()
    assert message.status == MessageStatus.SENT


def test_message_whose_time_is_over_is_refused_after_a_restore(
    organization: Organization, channel: Channel
) -> None:
    conversation = factories.conversation(
        channel, factories.contact(organization), window_expires_at=NOW + seconds(30)
    )
    message = pipeline.queue(conversation)
    deletion.delete(organization=organization, slug="acme")
    pipeline.work()

    with clock.frozen(NOW + seconds(60)):
        deletion.restore(organization=organization)
    pipeline.work(NOW + seconds(60))

    message.refresh_from_db()
    assert (message.status, message.reason) == (MessageStatus.REFUSED, "window_closed")


def test_status_that_comes_meanwhile_counts_after_a_restore(
    organization: Organization, channel: Channel
) -> None:
    conversation = factories.conversation(
        channel, factories.contact(organization), window_expires_at=NOW + seconds(7200)
    )
    message = pipeline.queue(conversation)
    pipeline.work()
    message.refresh_from_db()
    deletion.delete(organization=organization, slug="acme")

    read = pipeline.status(message.external_id, "read", at=NOW + seconds(5))
    pipeline.deliver(channel, statuses=[read], at=NOW + seconds(5))
    pipeline.work(NOW + seconds(6))
    assert Message.objects.get(pk=message.pk).status != MessageStatus.READ
    with clock.frozen(NOW + seconds(60)):
        deletion.restore(organization=organization)
    pipeline.work(NOW + seconds(60))

    assert Message.objects.get(pk=message.pk).status == MessageStatus.READ
