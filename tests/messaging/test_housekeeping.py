"""Receipts are kept as long as their organization says, and as long as work is owed for them."""

from datetime import timedelta

import pytest

from chatboost.core import clock, preferences
from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.housekeeping import expired_receipts
from chatboost.messaging.models import ReceiptKind, WebhookReceipt
from chatboost.messaging.preferences import MessagingSettings
from chatboost.messaging.services.receipts import INBOUND_KIND
from teams.models import Organization
from tests import factories

pytestmark = pytest.mark.django_db

NOW = clock.now()


def received(organization: Organization, days: float) -> WebhookReceipt:
    """A receipt so many days old."""
    return WebhookReceipt.objects.create(
        organization=organization,
        channel=factories.channel(factories.bot(organization)),
        key="m:1",
        kind=ReceiptKind.MESSAGE,
        payload={},
        received_at=NOW - timedelta(days=days),
    )


def test_receipts_go_by_the_default_where_nothing_is_set(organization: Organization) -> None:
    old, _ = received(organization, 31), received(organization, 29)
    assert list(expired_receipts(NOW)) == [old]


def test_receipts_go_by_what_their_organization_has_set(
    organization: Organization, other_organization: Organization
) -> None:
    for owner, days in ((organization, 8), (other_organization, 90)):
        preferences.change(
            organization_id=owner.pk, type=MessagingSettings, actor=None, receipts_kept_days=days
        )
    old, _ = received(organization, 9), received(organization, 7)
    _, older = received(other_organization, 89), received(other_organization, 91)
    assert set(expired_receipts(NOW)) == {old, older}


@pytest.mark.parametrize("state", [WorkState.READY, WorkState.DEAD])
def test_receipt_whose_work_is_owed_stays(organization: Organization, state: str) -> None:
    receipt = received(organization, 400)
    WorkItem.objects.create(kind=INBOUND_KIND, subject_id=receipt.pk, queue="interactive", state=state)
    assert not expired_receipts(NOW).exists()


def test_expired_costs_one_query_beside_the_settings(
    organization: Organization, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    received(organization, 31)
    with django_assert_num_queries(2):  # type: ignore[operator]
        list(expired_receipts(NOW))
