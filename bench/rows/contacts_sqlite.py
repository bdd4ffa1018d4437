"""Contact import: a CSV of new people with an attribute each, read, cleaned and written, on SQLite."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import services
from bench.harness import Contender, Row
from bench.rows import contacts


def row() -> Row:
    """Declare the row."""
    return Row("contacts_sqlite", (contacts.line("SQLite", 4.0),), _contenders)


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    with tempfile.TemporaryDirectory(prefix="chatboost-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'bench.sqlite3'}"
        services.run(
            services.python("manage.py", "migrate", "--verbosity", "0"), services.product_environment(url)
        )
        services.setup_django(url)
        yield contacts.ways()
