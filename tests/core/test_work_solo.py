"""Running alone: nothing runs beside it, and waiting for it holds up nobody for long."""

import threading
from collections.abc import Iterator

import pytest

from chatboost.core.work import solo

LONG = 20.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(solo, "PATIENCE", 0.05)
    monkeypatch.setattr(solo, "_not_before", float("-inf"))
    monkeypatch.setattr(solo, "_in_vain", 0)
    yield
    solo._not_before = float("-inf")


def test_alone_is_so_when_nobody_runs() -> None:
    with solo.alone() as is_alone:
        assert is_alone


def test_alone_is_given_up_when_somebody_takes_long_and_others_go_on() -> None:
    with solo.shared():
        with solo.alone() as is_alone:
            assert not is_alone
            begun = threading.Event()
            other = threading.Thread(target=_run_beside, args=(begun,), daemon=True)
            other.start()
            assert begun.wait(LONG)
            other.join(LONG)
        assert not solo.is_possible()


def test_others_wait_while_somebody_is_alone() -> None:
    begun = threading.Event()
    other = threading.Thread(target=_run_beside, args=(begun,), daemon=True)
    with solo.alone():
        other.start()
        assert not begun.wait(0.1)
    assert begun.wait(LONG)
    other.join(LONG)


def test_what_takes_long_alone_goes_on_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solo, "LONGEST", 0.05)
    begun = threading.Event()
    other = threading.Thread(target=_run_beside, args=(begun,), daemon=True)
    with solo.alone() as is_alone:
        assert is_alone
        other.start()
        assert begun.wait(LONG)
    other.join(LONG)
    with solo.alone() as is_alone:
        assert is_alone


def test_whoever_waited_in_vain_runs_beside_what_never_ends() -> None:
    found = []
    with solo.shared():
        for _ in range(solo.IN_VAIN + 2):
            with solo.alone() as is_alone:
                found.append(is_alone)
    assert found == [False] * solo.IN_VAIN + [True, False]


def _run_beside(begun: threading.Event) -> None:
    with solo.shared():
        begun.set()
