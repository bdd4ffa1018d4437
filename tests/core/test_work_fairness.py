"""Organizations take turns: none waits behind another's heap."""

from collections import Counter

import pytest
from django.db import transaction

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.core.work import claim, queue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _first_turn() -> None:
    claim._last_served.clear()


def put(organization: int, count: int, *, priority: int = 50, lane: str | None = None) -> None:
    with transaction.atomic():
        queue.enqueue_many(
            queue.Order(
                kind="test.batch",
                subject_id=number,
                organization_id=organization,
                queue="interactive",
                priority=priority,
                lane=lane,
            )
            for number in range(count)
        )


def take(limit: int) -> Counter[int]:
    items = claim.claim("interactive", limit=limit, now=clock.now())
    WorkItem.objects.filter(id__in=[item.id for item in items]).delete()
    return Counter(item.organization_id for item in items)


def test_each_organization_gets_the_same_share_of_a_claim() -> None:
    put(1, 500)
    put(2, 40)
    put(3, 60)
    assert take(30) == {1: 10, 2: 10, 3: 10}


def test_shares_stay_equal_over_many_claims() -> None:
    put(1, 600)
    put(2, 120)
    put(3, 120)
    served: Counter[int] = Counter()
    while sum(served.values()) < 300:
        served += take(20)
    assert all(abs(count / sum(served.values()) - 1 / 3) <= 0.05 for count in served.values())


def test_organization_alone_gets_the_whole_claim() -> None:
    put(5, 100)
    assert take(30) == {5: 30}


def test_work_without_an_organization_takes_its_turn_too() -> None:
    put(0, 10)
    put(4, 10)
    assert take(10) == {0: 5, 4: 5}


def test_more_organizations_than_a_claim_looks_at_are_all_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "MAX_ORGANIZATIONS", 3)
    for organization in range(1, 9):
        put(organization, 5)
    served: Counter[int] = Counter()
    for _ in range(8):
        served += take(3)
    assert set(served.values()) == {3}


def test_priority_counts_within_an_organization() -> None:
    put(1, 5)
    put(1, 2, priority=10)
    put(2, 5)
    items = claim.claim("interactive", limit=4, now=clock.now())
    priorities = dict(WorkItem.objects.values_list("id", "priority"))
    assert [priorities[item.id] for item in items if item.organization_id == 1] == [10, 10]


def test_closed_lane_of_one_organization_holds_up_nobody() -> None:
    put(1, 5, lane="a")
    put(2, 5)
    assert take(10) == {1: 1, 2: 5}
