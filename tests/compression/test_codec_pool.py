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

from compression.codec import Limits, Mode, Options, Output, PictureError, Pool, compress
from tests.compression import pictures, processes

ROOT = Path(__file__).resolve().parents[2]
SMALL = pictures.saved(pictures.photo(96, 64), "JPEG", quality=95)
# Takes a child seconds.
SLOW = pictures.saved(pictures.photo(2600, 2000, noise=20), "JPEG", quality=90)
SLOWLY = Options(mode=Mode.BYTES, percent=3, output=Output.WEBP, similarity_floor=0.9)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(1) as pool:
        pool.compress(SMALL, Options())
        yield pool
    assert not processes.children()


def code_of(pool: Pool, content: bytes, options: Options) -> str:
    with pytest.raises(PictureError) as caught:
        pool.compress(content, options)
    return caught.value.code


def in_background(pool: Pool, options: Options) -> tuple[threading.Thread, list[str]]:
    """Compress something slow in a thread, and return once the child is at it."""
    codes: list[str] = []
    thread = threading.Thread(target=lambda: codes.append(code_of(pool, SLOW, options)))
    (child,) = processes.children()
    before = cpu(child)
    thread.start()
    assert processes.wait_until(lambda: cpu(child) > before + 10)
    return thread, codes


def cpu(pid: int) -> int:
    """Return the ticks of the processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_child_does_what_this_process_would(pool: Pool) -> None:
    for options in (Options(), Options(mode=Mode.BYTES, percent=40), Options(output=Output.SMALLER)):
        assert pool.compress(SMALL, options) == compress(SMALL, options)


def test_error_of_a_picture_keeps_the_child(pool: Pool) -> None:
    before = processes.children()
    assert code_of(pool, SMALL[:-400], Options()) == "damaged"
    assert code_of(pool, b"", Options()) == "not_an_image"
    assert processes.children() == before


def test_no_more_children_than_its_size() -> None:
    with Pool(2) as pool, ThreadPoolExecutor(6) as threads:
        done = list(threads.map(lambda _: pool.compress(SMALL, Options()), range(24)))
        assert len(processes.children()) <= 2
    assert len(done) == 24
    assert not processes.children()


def test_child_that_died_in_between_is_replaced(pool: Pool) -> None:
    (child,) = processes.children()
    os.kill(child, signal.SIGKILL)
    assert pool.compress(SMALL, Options()).width == 96
    assert processes.children() != [child]


def test_child_that_is_killed_over_a_picture_is_replaced(pool: Pool) -> None:
    (child,) = processes.children()
    thread, codes = in_background(pool, SLOWLY)
    os.kill(child, signal.SIGKILL)
    thread.join()
    assert codes == ["crashed"]
    assert pool.compress(SMALL, Options()).width == 96


def test_child_that_hangs_is_replaced(pool: Pool) -> None:
    # The second is more than a pipe holds: writing hangs as well.
    for content in (SMALL, SLOW):
        (child,) = processes.children()
        os.kill(child, signal.SIGSTOP)
        assert code_of(pool, content, Options(limits=Limits(wall_seconds=0.3))) == "took_too_long"
        assert not processes.is_alive(child)
        assert pool.compress(SMALL, Options()).width == 96


def test_processors_time_is_bounded(pool: Pool) -> None:
    limits = Limits(cpu_seconds=0.2, wall_seconds=60)
    options = Options(mode=Mode.BYTES, percent=3, output=Output.WEBP, similarity_floor=0.9, limits=limits)
    assert code_of(pool, SLOW, options) == "took_too_long"
    # The next picture has all of its time.
    assert pool.compress(SMALL, Options()).width == 96


def test_memory_is_bounded(pool: Pool) -> None:
    assert code_of(pool, SLOW, Options(limits=Limits(memory_bytes=8 * 1024 * 1024))) == "out_of_memory"
    assert pool.compress(SMALL, Options()).width == 96


def test_child_is_recycled() -> None:
    with Pool(1, recycle_after=3) as pool:
        seen = []
        for _ in range(7):
            pool.compress(SMALL, Options())
            seen += processes.children()
        assert len(set(seen)) == 3


def test_closed_pool_is_refused() -> None:
    with Pool(1) as pool:
        pass
    with pytest.raises(ValueError, match="closed"):
        pool.compress(SMALL, Options())


def test_child_has_nothing_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server, Pool(1) as pool:
        os.set_inheritable(server.fileno(), True)
        pool.compress(SMALL, Options())
        (child,) = processes.children()
        assert b"SECRET_OF_THE_PARENT" not in Path(f"/proc/{child}/environ").read_bytes()
        held = {os.readlink(path) for path in Path(f"/proc/{child}/fd").iterdir()}
        assert not [name for name in held if name.startswith("socket:")]
        assert len(held) <= 4


def test_children_end_with_a_parent_that_is_killed() -> None:
    script = (
        "import sys, compression.codec as codec\n"
        "pool = codec.Pool(1)\n"
        "pool.compress(sys.stdin.buffer.read(int(sys.argv[1])), codec.Options())\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(len(SMALL))]
    parent = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    parent.stdin.write(SMALL)
    parent.stdin.flush()
    assert parent.stdout.readline() == b"ready\n"
    (child,) = processes.children(parent.pid)
    parent.kill()
    parent.communicate()
    assert processes.wait_until(lambda: not processes.is_alive(child))


def test_pool_that_came_by_fork_has_children_of_its_own(pool: Pool) -> None:
    script = (
        "import os, sys, compression.codec as codec\n"
        "content = sys.stdin.buffer.read()\n"
        "pool = codec.Pool(1)\n"
        "first = pool.compress(content, codec.Options())\n"
        "forked = os.fork()\n"
        "if not forked:\n"
        "    same = pool.compress(content, codec.Options()) == first\n"
        "    pool.close()\n"
        "    os._exit(0 if same else 1)\n"
        "code = os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])\n"
        "assert pool.compress(content, codec.Options()) == first\n"
        "pool.close()\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, input=SMALL, timeout=60, check=False)
    assert done.returncode == 0


def test_importing_the_codec_loads_no_library() -> None:
    script = (
        "import sys, compression.codec\n"
        "heavy = {'PIL', 'numpy', 'simplejpeg', 'django'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
