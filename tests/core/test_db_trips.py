"""Writes that travel with the next statement end where they would have ended alone."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from chatboost.core.db import reads, rows, trips
from chatboost.core.models import WorkItem
from chatboost.core.work import queue

pytestmark = pytest.mark.django_db


def order(subject: int) -> queue.Order:
    return queue.Order(kind="test.kind", subject_id=subject, organization_id=0, queue="maintenance")


def subjects() -> list[int]:
    return list(WorkItem.objects.order_by("id").values_list("subject_id", flat=True))


def test_gathered_writes_are_seen_by_the_next_query() -> None:
    with transaction.atomic(), trips.gathered():
        queue.enqueue(order(1))
        queue.enqueue(order(2))
        assert subjects() == [1, 2]
        assert WorkItem.objects.filter(subject_id=1).delete()[0] == 1
        queue.enqueue(order(3))
        [found] = reads.fetch(
            reads.Read(model=WorkItem, where="subject_id > %s", values=[2], columns=("subject_id",))
        )
        assert found == [(3,)]
        queue.enqueue(order(4))

    assert subjects() == [2, 3, 4]


def test_gathered_writes_make_one_trip_on_postgresql() -> None:
    with transaction.atomic(), CaptureQueriesContext(connection) as captured, trips.gathered():
        for number in range(5):
            queue.enqueue(order(number))

    assert len(captured) == (1 if connection.vendor == "postgresql" else 5)
    assert subjects() == [0, 1, 2, 3, 4]


def test_gathered_update_counts_its_own_rows() -> None:
    with transaction.atomic(), trips.gathered():
        queue.enqueue(order(1))
        queue.enqueue(order(2))
        assert WorkItem.objects.filter(subject_id=2).update(priority=1) == 1


def test_gathered_writes_of_a_savepoint_go_with_it() -> None:
    with transaction.atomic(), trips.gathered():
        queue.enqueue(order(1))
        with pytest.raises(RuntimeError), transaction.atomic():
            queue.enqueue(order(2))
            raise RuntimeError
        queue.enqueue(order(3))
        with transaction.atomic():
            queue.enqueue(order(4))

    assert subjects() == [1, 3, 4]


def test_gathered_writes_of_a_block_that_raises_are_dropped() -> None:
    with pytest.raises(RuntimeError), transaction.atomic(), trips.gathered():
        queue.enqueue(order(1))
        raise RuntimeError

    with transaction.atomic():
        queue.enqueue(order(2))
    assert subjects() == [2]


def test_gathered_write_that_is_refused_raises_by_the_end() -> None:
    twins = [{"organization_id": 0}]  # lacks what the table requires

    with pytest.raises(DatabaseError), transaction.atomic(), trips.gathered():
        queue.enqueue(order(1))
        rows.insert(WorkItem, twins)

    assert subjects() == []


def test_gathered_inside_gathered_waits_for_the_outer() -> None:
    with transaction.atomic(), trips.gathered():
        queue.enqueue(order(1))
        with trips.gathered():
            queue.enqueue(order(2))
        assert subjects() == [1, 2]


def test_write_outside_a_block_goes_at_once() -> None:
    with transaction.atomic():
        queue.enqueue(order(1))
        assert subjects() == [1]
