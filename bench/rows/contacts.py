"""Contact import: a CSV of new people with an attribute each, read, cleaned and written, on PostgreSQL."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count

from bench import services
from bench.harness import Contender, Figures, Line, Row, Target

OURS = "ChatBoost, a job"
BULK, LIBRARY = "bulk_create", "django-import-export"
FLOOR = "ready rows into indexed tables"
PER_SECOND = {OURS: 60_000, BULK: 20_000, LIBRARY: 200, FLOOR: 200_000}


def row() -> Row:
    """Declare the row."""
    return Row("contacts", (line("PostgreSQL", 3.0),), _contenders)


def line(database: str, ratio: float) -> Line:
    """Declare the line of one database."""
    return Line(
        job=f"Contact import, {database}",
        metric="rate",
        unit="rows/s",
        ours=OURS,
        peers=(BULK, LIBRARY),
        floor=FLOOR,
        targets=(Target("peer", ratio),),
    )


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    with ExitStack() as stack:
        url = stack.enter_context(services.database("bench_contacts", is_product=True))
        services.setup_django(url)
        yield ways()


def ways() -> list[Contender]:
    """Return all ways to import, into the database that Django was set up with."""
    from bench.peers import contacts
    from chatboost.messaging.models import Contact, ContactAttribute
    from teams.models import Organization

    organization_id = Organization.objects.create(name="Bench", slug="bench").pk
    contacts.make_floor()
    numbers = count(1)

    def measure(name: str, way: Callable[[bytes, int], None], seconds: float) -> Figures:
        rows = int(PER_SECOND[name] * seconds)
        first = next(numbers) * 1_000_000
        content = contacts.table(first, rows)
        before = [model.objects.count() for model in (Contact, ContactAttribute)]
        began = time.perf_counter()
        way(content, organization_id)
        took = time.perf_counter() - began
        came = [model.objects.count() for model in (Contact, ContactAttribute)]
        if name != FLOOR and came != [was + rows for was in before]:
            raise RuntimeError(f"{name}: {rows} people went in, others came out")
        return {"rate": rows / took}

    return [
        Contender(FLOOR, partial(measure, FLOOR, contacts.floor)),
        Contender(BULK, partial(measure, BULK, contacts.bulk_create)),
        Contender(LIBRARY, partial(measure, LIBRARY, contacts.import_export)),
        Contender(OURS, partial(measure, OURS, contacts.ours)),
    ]
