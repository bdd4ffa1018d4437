"""Twins: the same keyed request many times at once, on real databases."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from chatboost.core.api.idempotency import IdempotentView
from chatboost.core.models import IdempotencyRecord, WorkItem
from tests.core import racing


class Orders(IdempotentView):
    """Each call makes an item, and tells its id."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def idempotency_scope(self) -> int:
        return 7

    def post(self, request: Request) -> Response:
        item = WorkItem.objects.create(kind="test.order", subject_id=request.data["order"], queue="media")
        return Response({"id": item.pk}, status=201)


@pytest.fixture(params=racing.DATABASES, autouse=True)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[None]:
    if request.param == "postgresql":
        yield
        return
    tables = [IdempotencyRecord, WorkItem]
    with racing.sqlite_file(tmp_path, monkeypatch, django_db_blocker, tables):
        yield


def order(number: int) -> tuple[int, bytes]:
    """Send order `number` under its own key."""
    request = APIRequestFactory().post(
        "/orders", {"order": number}, format="json", headers={"Idempotency-Key": f"order-{number}"}
    )
    answer = Orders.as_view()(request)
    answer.render() if isinstance(answer, Response) else None
    return answer.status_code, answer.content


def subjects() -> Counter[int]:
    (counted,) = racing.in_threads([lambda: Counter(WorkItem.objects.values_list("subject_id", flat=True))])
    return counted


def send(numbers: list[int], threads: int) -> list[tuple[int, bytes]]:
    return racing.in_threads([lambda number=number: order(number) for number in numbers], threads=threads)


def test_sixty_twins_at_once_make_one_object_and_get_one_answer() -> None:
    answers = send([1] * 60, threads=30)

    assert (len(set(answers)), answers[0][0]) == (1, 201)
    assert subjects() == {1: 1}


def test_pairs_of_twins_at_once_make_an_object_each() -> None:
    answers = send([*range(40), *range(40)], threads=20)

    assert {status for status, _ in answers} == {201}
    assert len(set(answers)) == 40
    assert subjects() == dict.fromkeys(range(40), 1)


@pytest.fixture
def held() -> Iterator[None]:
    """Hold the first order's transaction open; anybody else waits a moment only."""
    begun, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            order(1)
            begun.set()
            ended.wait(30)

    holder = threading.Thread(target=lambda: racing.in_threads([hold]))
    holder.start()
    assert begun.wait(30)
    yield
    ended.set()
    holder.join(30)


@pytest.mark.parametrize("database", racing.DATABASES[1:], indirect=True)
def test_twin_of_a_request_that_takes_too_long_is_told_to_come_back(held: None) -> None:
    def impatient() -> tuple[int, bytes]:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout TO '100ms'")
        return order(1)

    ((status, content),) = racing.in_threads([impatient])

    assert (status, json.loads(content)["code"]) == (409, "idempotency_in_progress")


@pytest.mark.proof
def test_five_hundred_twins_at_once_make_one_object_and_get_one_answer() -> None:
    answers = send([1] * 500, threads=50)

    assert (len(set(answers)), answers[0][0]) == (1, 201)
    assert subjects() == {1: 1}


@pytest.mark.proof
def test_five_hundred_pairs_of_twins_at_once_make_five_hundred_objects() -> None:
    answers = send([number // 2 for number in range(1000)], threads=50)

    assert {status for status, _ in answers} == {201}
    assert len(set(answers)) == 500
    assert subjects() == dict.fromkeys(range(500), 1)
