"""Child processes: bounded, replaced, alone, and gone with their parent."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chatboost.core.isolation import MAX_PARTS, NotStarted, Pool
from chatboost.core.pictures import Limits, PictureError
from tests.core import processes

ROOT = Path(__file__).resolve().parents[2]
SERVICE = "tests.core.isolated_service"
LIMITS = Limits()
ECHO = [b"echo", b"what I say"]

pytestmark = processes.needs_linux


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(SERVICE, 1) as pool:
        assert is_well(pool)
        yield pool
    assert not children()


def children() -> list[int]:
    return processes.children(SERVICE)


def is_well(pool: Pool) -> bool:
    return pool.call(ECHO, LIMITS) == ECHO[1:]


def code_of(pool: Pool, order: bytes, *rest: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(PictureError) as caught:
        pool.call([order, *rest], limits)
    return caught.value.code


def in_background(pool: Pool) -> tuple[threading.Thread, list[str]]:
    """Call for what has no end in a thread, and return once the child is at it."""
    codes: list[str] = []
    thread = threading.Thread(target=lambda: codes.append(code_of(pool, b"spin")))
    (child,) = children()
    before = cpu(child)
    thread.start()
    processes.wait_until(lambda: cpu(child) > before + 10)
    return thread, codes


def cpu(pid: int) -> int:
    """Return the ticks of the processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_parts_go_there_and_back_as_they_are(pool: Pool) -> None:
    for parts in ([], [b""], [b"", os.urandom(3_000_000), b"{}"], [b"x"] * (MAX_PARTS - 1)):
        assert pool.call([b"echo", *parts], LIMITS) == parts


def test_more_parts_than_a_message_has_are_refused_and_answers_of_more_are_nonsense(pool: Pool) -> None:
    with pytest.raises(ValueError, match="at most 16 parts"):
        pool.call([b"echo"] * (MAX_PARTS + 1), LIMITS)
    assert is_well(pool)
    assert code_of(pool, b"multiply", b"x") == "crashed"
    assert is_well(pool)


def test_refusal_keeps_the_child(pool: Pool) -> None:
    before = children()
    assert code_of(pool, b"refuse") == "damaged"
    assert children() == before


@pytest.mark.parametrize("order", [b"fail", b"exit"])
def test_child_that_fails_is_replaced(pool: Pool, order: bytes) -> None:
    before = children()
    assert code_of(pool, order) == "crashed"
    assert is_well(pool)
    assert children() != before


def test_child_whose_answer_makes_no_sense_is_replaced(pool: Pool) -> None:
    before = children()
    with pytest.raises(PictureError) as caught:
        pool.ask(ECHO, LIMITS, lambda parts: int(parts[0]))
    assert caught.value.code == "crashed"
    assert pool.ask([b"echo", b"12"], LIMITS, lambda parts: int(parts[0])) == 12
    assert children() != before


def test_service_that_prints_and_reads_talks_to_nobody(pool: Pool) -> None:
    assert pool.call([b"print"], LIMITS) == [b""]
    assert is_well(pool)


def test_service_that_is_not_there_is_blamed_on_no_picture() -> None:
    with Pool("tests.core.no_such_service", 1) as pool:
        with pytest.raises(NotStarted):
            pool.call([b"echo"], LIMITS)
        assert not processes.children(pool.service)


def test_service_whose_children_take_no_call_is_blamed_on_no_picture() -> None:
    with Pool("tests.core.dying_service", 1) as pool:
        with pytest.raises(NotStarted):
            pool.call([b"echo"], LIMITS)
        assert not processes.children(pool.service)


def test_no_more_children_than_its_size() -> None:
    with Pool(SERVICE, 2) as pool, ThreadPoolExecutor(6) as threads:
        done = list(threads.map(lambda _: is_well(pool), range(24)))
        assert len(children()) <= 2
    assert done == [True] * 24
    assert not children()


def test_child_that_died_in_between_is_replaced(pool: Pool) -> None:
    (child,) = children()
    os.kill(child, signal.SIGKILL)
    assert is_well(pool)
    assert children() != [child]


def test_child_that_is_killed_at_work_is_replaced(pool: Pool) -> None:
    (child,) = children()
    thread, codes = in_background(pool)
    os.kill(child, signal.SIGKILL)
    thread.join()
    assert codes == ["crashed"]
    assert is_well(pool)


def test_child_that_hangs_is_replaced(pool: Pool) -> None:
    # The second is more than a pipe holds: writing hangs as well.
    for content in (b"x", bytes(4_000_000)):
        (child,) = children()
        os.kill(child, signal.SIGSTOP)
        assert code_of(pool, b"echo", content, limits=Limits(wall_seconds=0.3)) == "took_too_long"
        assert not processes.is_alive(child)
        assert is_well(pool)


def test_processors_time_is_bounded(pool: Pool) -> None:
    assert code_of(pool, b"spin", limits=Limits(cpu_seconds=0.2, wall_seconds=60)) == "took_too_long"
    # The next call has all of its time.
    assert is_well(pool)


def test_memory_is_bounded(pool: Pool) -> None:
    assert code_of(pool, b"grow", limits=Limits(memory_bytes=8 * 1024 * 1024)) == "out_of_memory"
    assert len(pool.call([b"grow"], LIMITS)) == 1


def test_child_is_recycled() -> None:
    with Pool(SERVICE, 1, recycle_after=3) as pool:
        seen = []
        for _ in range(7):
            assert is_well(pool)
            seen += children()
        assert len(set(seen)) == 3


def test_closed_pool_is_refused() -> None:
    with Pool(SERVICE, 1) as pool:
        pass
    with pytest.raises(ValueError, match="closed"):
        pool.call(ECHO, LIMITS)


def test_child_has_nothing_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server, Pool(SERVICE, 1) as pool:
        os.set_inheritable(server.fileno(), True)
        assert is_well(pool)
        (child,) = children()
        assert b"SECRET_OF_THE_PARENT" not in Path(f"/proc/{child}/environ").read_bytes()
        held = {os.readlink(path) for path in Path(f"/proc/{child}/fd").iterdir()}
        assert not [name for name in held if name.startswith("socket:")]
        assert len(held) <= 4


def test_children_end_with_a_parent_that_is_killed() -> None:
    script = (
        "import sys\n"
        "from chatboost.core.isolation import Pool\n"
        "from chatboost.core.pictures import Limits\n"
        f"pool = Pool({SERVICE!r}, 1)\n"
        "pool.call([b'echo'], Limits())\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script]
    parent = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout.readline() == b"ready\n"
    (child,) = processes.children(SERVICE, parent.pid)
    parent.kill()
    parent.communicate()
    processes.wait_until(lambda: not processes.is_alive(child))


def test_pool_that_came_by_fork_has_children_of_its_own() -> None:
    script = (
        "import os, sys\n"
        "from chatboost.core.isolation import Pool\n"
        "from chatboost.core.pictures import Limits\n"
        f"pool = Pool({SERVICE!r}, 1)\n"
        "def echoed(): return pool.call([b'echo', b'x'], Limits()) == [b'x']\n"
        "assert echoed()\n"
        "forked = os.fork()\n"
        "if not forked:\n"
        "    same = echoed()\n"
        "    pool.close()\n"
        "    os._exit(0 if same else 1)\n"
        "code = os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])\n"
        "assert echoed()\n"
        "pool.close()\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0


def test_importing_what_a_child_needs_loads_no_library() -> None:
    script = (
        "import sys\n"
        "from chatboost.core import pictures\n"
        "from chatboost.core.isolation import worker\n"
        "heavy = {'PIL', 'numpy', 'simplejpeg', 'django', 'celery'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
