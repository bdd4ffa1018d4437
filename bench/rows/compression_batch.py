"""A batch of 1,000 image URLs on two workers, from the table to the last count, beside the codec alone."""

import csv
import io
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from bench import services
from bench.harness import Contender, Figures, Line, Row, Target
from bench.peers import images

OURS, FLOOR = "ChatBoost, two workers", "the codec alone, two processes"
WORKERS = 2
IMAGES = 1000
TIMEOUT = 600.0
PAGE = os.sysconf("SC_PAGE_SIZE")


def row() -> Row:
    """Declare the row."""
    batch = Line(
        job=f"Compression, a batch of {IMAGES:,} URLs from a local server",
        metric="rate",
        unit="images/s",
        ours=OURS,
        peers=(),
        floor=FLOOR,
        targets=(Target("floor", 0.7),),
    )
    memory = Line(
        job="… its workers' memory, after the last image by after a quarter",
        metric="growth",
        unit="times",
        ours=OURS,
        peers=(),
        is_lower_better=True,
    )
    return Row("compression_batch", (batch, memory), _contenders)


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    with ExitStack() as stack:
        url = stack.enter_context(services.database("bench_compression", is_product=True))
        port = services.free_port()
        # Production lets nobody call this machine.
        more = {
            "DJANGO_SETTINGS_MODULE": "chatboost.settings.dev",
            "FETCH_ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{port}",
            "COMPRESSION_HOST_RATE": "",
            "REDIS_URL": os.environ["REDIS_URL"],
        }
        stack.enter_context(
            services.process(*services.python("-m", "bench.peers.images", str(port)), port=port)
        )
        environment = services.product_environment(url, **more)
        celery = [str(Path(sys.executable).parent / "celery"), "-A", "chatboost.celery", "worker"]
        options = ["-Q", "media,maintenance", "-c", str(WORKERS), "-l", "ERROR", "--without-gossip"]
        worker = stack.enter_context(
            services.process(*celery, *options, "--without-mingle", environment=environment)
        )
        services.setup_django(url, **more)
        from compression.codec import Options, Pool

        pool = stack.enter_context(Pool(WORKERS))
        yield [
            Contender(FLOOR, partial(_codec_alone, pool, Options())),
            Contender(OURS, partial(_batch, f"http://127.0.0.1:{port}", worker.pid, count())),
        ]


def _codec_alone(pool: Any, options: Any, seconds: float) -> Figures:
    contents = [images.photo(number) for number in range(_number(seconds))]
    with ThreadPoolExecutor(WORKERS) as threads:
        began = time.perf_counter()
        done = list(threads.map(lambda content: pool.compress(content, options), contents))
    return {"rate": len(done) / (time.perf_counter() - began)}


def _batch(host: str, worker: int, rounds: Iterator[int], seconds: float) -> Figures:
    """Time from the table handed in to the last image counted."""
    from compression.models import CompressionRequest
    from compression.services import requests
    from teams.models import Organization

    number, first = _number(seconds), next(rounds) * 100_000
    organization, _ = Organization.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    began = time.perf_counter()
    request = requests.create(
        organization=organization, email="bench@example.com", file=_table(host, first, number)
    )
    rows = CompressionRequest.objects.filter(pk=request.pk)
    early = 0
    while (done := rows.values_list("done_count", flat=True).get()) < number:
        early = early or (done >= number // 4 and _memory(worker))
        if time.perf_counter() - began > TIMEOUT:
            raise TimeoutError(f"{done} of {number} images are done after {TIMEOUT:g} s")
        time.sleep(0.05)
    took = time.perf_counter() - began
    return {"rate": number / took, "growth": _memory(worker) / (early or _memory(worker))}


def _table(host: str, first: int, number: int) -> io.BytesIO:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["S. No.", "Product Name", "Input Image Urls"])
    writer.writerows([each, f"Product {each}", f"{host}/{first + each}.jpg"] for each in range(number))
    return io.BytesIO(text.getvalue().encode())


def _number(seconds: float) -> int:
    return int(IMAGES * min(seconds, 1.0))


def _memory(worker: int) -> int:
    """Return what the worker's processes hold, in bytes; what they encode in is replaced now and then."""
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid in children)
