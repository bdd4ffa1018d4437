"""The n-th number of a range."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from invitations.choices import LuckyMode
from invitations.models import InvitationBatch
from invitations.services import lucky


def batch(**fields: object) -> InvitationBatch:
    return InvitationBatch(**fields)


@given(count=st.integers(1, 700), seed=st.integers(-(2**63), 2**63 - 1))
def test_permuted_any_range_gives_each_place_once(count: int, seed: int) -> None:
    places = [lucky.permuted(place, count, seed) for place in range(count)]
    assert sorted(places) == list(range(count))


@given(count=st.integers(1, 2**31), seed=st.integers(-(2**63), 2**63 - 1), data=st.data())
def test_permuted_large_range_stays_within_it(count: int, seed: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, count - 1))
    assert 0 <= lucky.permuted(place, count, seed) < count


def test_permuted_another_seed_gives_another_order() -> None:
    orders = {tuple(lucky.permuted(place, 50, seed) for place in range(50)) for seed in range(20)}
    assert len(orders) == 20


def test_permuted_is_scattered() -> None:
    places = [lucky.permuted(place, 10_000, 7) for place in range(1000)]
    halves = sum(place < 5000 for place in places)
    assert 400 < halves < 600
    assert sum(abs(a - b) == 1 for a, b in pairwise(places)) < 5


def test_text_sequential_counts_up_with_digits() -> None:
    row = batch(lucky_mode=LuckyMode.SEQUENTIAL, lucky_first=8, lucky_last=11, lucky_digits=4)
    assert [lucky.text(row, serial) for serial in range(5)] == ["0008", "0009", "0010", "0011", None]


def test_text_random_gives_all_of_the_range_and_no_more() -> None:
    row = batch(lucky_mode=LuckyMode.RANDOM, lucky_first=100, lucky_last=199, lucky_seed=-5)
    texts = [lucky.text(row, serial) for serial in range(100)]
    assert {int(text or 0) for text in texts} == set(range(100, 200))
    assert texts != sorted(texts, key=str)
    assert lucky.text(row, 100) is None
