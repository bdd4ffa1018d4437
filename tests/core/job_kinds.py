"""Job kinds for tests: they write rows that a test counts, and misbehave when told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from chatboost.core import files, jobs
from chatboost.core.errors import ValidationFailed
from chatboost.core.models import Counter, Job

CHUNK = 2


@dataclass
class Orders:
    """How the kinds behave, and what they did."""

    raise_at: set[int] = field(default_factory=set)
    refuse_at: set[int] = field(default_factory=set)
    fail_at: set[int] = field(default_factory=set)
    finish_error: Exception | None = None
    planned: int = 0
    finished: int = 0
    cancelled: list[int] = field(default_factory=list)


class RowsKind(jobs.JobKind):
    """Writes `input["rows"]` rows, two a chunk; a row written twice breaks a constraint."""

    name = "test.rows"
    title = "Write rows"
    orders = Orders()

    def plan(self, job: Job) -> int | None:
        self.orders.planned += 1
        return job.input["rows"]

    def step(self, job: Job) -> bool:
        start = job.cursor.get("row", 0)
        end = min(start + CHUNK, job.input["rows"])
        for number in range(start, end):
            Counter.objects.create(name=f"{job.pk} {number}", value=0)
            is_failed = number in self.orders.fail_at
            jobs.count(job, done=not is_failed, failed=is_failed)
            if number in self.orders.raise_at:
                raise RuntimeError(f"row {number} is poison")
            if number in self.orders.refuse_at:
                raise ValidationFailed(f"Row {number} is not for us.")
        job.cursor["row"] = end
        return end == job.input["rows"]

    def on_cancel(self, job: Job) -> None:
        self.orders.cancelled.append(job.pk)


class FileKind(RowsKind):
    """Writes rows, then a file that lists them."""

    name = "test.file"
    title = "Write a file"

    def finish(self, job: Job) -> None:
        self.orders.finished += 1
        file = files.write(
            organization_id=job.organization_id,
            purpose="jobs",
            permission="core.view_job",
            name="rows.txt",
            content_type="text/plain",
            chunks=_lines(job),
            expires_in=timedelta(days=1),
        )
        if self.orders.finish_error:
            raise self.orders.finish_error
        job.result_file_uuid = file.uuid
        job.result = {"lines": job.input["rows"]}


def _lines(job: Job) -> Iterator[bytes]:
    for name in Counter.objects.filter(name__startswith=f"{job.pk} ").order_by("id").values_list("name"):
        yield f"{name[0]}\n".encode()


ROWS = RowsKind()
FILE = FileKind()
for _kind in (ROWS, FILE):
    jobs.register(_kind)


def obey() -> Orders:
    """Return fresh orders, which both kinds follow."""
    ROWS.orders = FILE.orders = orders = Orders()
    return orders
