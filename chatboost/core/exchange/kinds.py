"""Imports and exports as jobs. A room registers one of each for a resource of its own.

import   chunk: owe the reading → reading (an effect: files, no lock) → chunk, chunk, … → finish
export   chunk: nothing to do → finish: the file is written while rows are read
"""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from chatboost.core import clock, files, jobs, live
from chatboost.core.errors import DomainError, NotFound, ValidationFailed
from chatboost.core.exchange import previews, staging, writing
from chatboost.core.exchange.resources import OrganizationResource
from chatboost.core.exchange.work import READ_KIND
from chatboost.core.models import File, Job
from chatboost.core.work import queue

# Chunks that begin within this time share a transaction: each has its price, and on SQLite the only lock.
STEP_TIME: Final = timedelta(milliseconds=40)
RELEASED_FOR: Final = timedelta(days=1)
PREVIEW_ROWS: Final = 500
"""How many rows of a dry run are told in full."""


class Refused(ValidationFailed):
    """The file was refused while it was read."""


class Cancelled(DomainError):
    """The job was cancelled while its file was written."""

    default_code = "job_cancelled"


class ImportKind(jobs.JobKind):
    """Imports a file: `input` names the `file`, and how to read it; with `dry_run` nothing is written."""

    resource: ClassVar[type[OrganizationResource]]
    permission: ClassVar[str]
    """Who may import, and fetch the rejected rows."""

    def describe(self, job: Job) -> str:
        """Name the job, and a dry run as such."""
        return f"{self.title} (dry run)" if job.input.get("dry_run") else self.title

    def resource_of(self, job: Job) -> OrganizationResource:
        """Return the resource of the job's organization."""
        return self.resource(job.organization_id)

    def options_of(self, job: Job) -> staging.Options:
        """Return how the file is to be read."""
        given = job.input
        return staging.Options(
            given.get("charset", ""), given.get("delimiter", ""), given.get("mapping") or {}
        )

    def step(self, job: Job) -> bool:
        """Owe the reading, or write what can be written in a moment: a chunk, or a few."""
        if not job.cursor:
            job.cursor = {"reading": True}
            queue.enqueue(
                queue.Order(
                    kind=READ_KIND,
                    subject_id=job.pk,
                    organization_id=job.organization_id,
                    queue=self.queue,
                    lane=f"job:{job.pk}",
                )
            )
            return False
        if refusal := job.cursor.get("refused"):
            raise Refused(refusal["message"], code=refusal["code"])
        if "part" not in job.cursor:
            self._begin(job)
        ends = time.monotonic() + STEP_TIME.total_seconds()
        while not (is_last := self._write_next(job)) and time.monotonic() < ends:
            pass
        return is_last

    def finish(self, job: Job) -> None:
        """Leave the rejected rows, and of a dry run what would be done; the rest may go."""
        staged = job.cursor["staged"]
        job.error_file_uuid = UUID(staged["rejected_file"]) if staged["rejected_file"] else None
        if job.input.get("dry_run"):
            job.result_file_uuid = self._write_preview(job).uuid
        release(job, [UUID(part) for part in staged["parts"]])

    def on_cancel(self, job: Job) -> None:
        """Let the files go."""
        release(job, [UUID(part) for part in job.cursor.get("staged", {}).get("parts", ())])

    def _begin(self, job: Job) -> None:
        staged = job.cursor["staged"]
        job.total_count = staged["good"] + staged["rejected"]
        jobs.count(job, failed=staged["rejected"])
        job.cursor |= {"part": 0, "offset": 0}
        job.result = {
            "created": 0,
            "updated": 0,
            "unchanged": 0,
            "failed": staged["rejected"],
            "is_dry_run": bool(job.input.get("dry_run")),
            "format": staged["format"],
            "charset": staged["charset"],
            "columns": staged["columns"],
        }

    def _write_next(self, job: Job) -> bool:
        parts = job.cursor["staged"]["parts"]
        place = job.cursor["part"]
        if place >= len(parts):
            return True
        file = files.get(UUID(parts[place]), job.organization_id)
        content = _part(file.path)
        begins = job.cursor["offset"]
        ends = content.find(b"\n", begins) + 1 or len(content)
        line, job.cursor["offset"] = content[begins:ends], ends
        if line:
            self._write(job, line)
        if job.cursor["offset"] >= file.size:
            job.cursor |= {"part": place + 1, "offset": 0}
        return bool(job.cursor["part"] >= len(parts))

    def _write(self, job: Job, line: bytes) -> None:
        resource, chunk = self.resource_of(job), staging.loaded(line)
        if job.input.get("dry_run"):
            actions = [difference.action for difference in resource.compare(chunk)]
            counts = [actions.count(action) for action in ("create", "update", "nothing")]
        else:
            done = resource.write(chunk)
            counts = [done.created, done.updated, done.unchanged]
        for name, count in zip(("created", "updated", "unchanged"), counts, strict=True):
            job.result[name] += count
        jobs.count(job, done=len(chunk.numbers))

    def _write_preview(self, job: Job) -> File:
        """Write what the first rows would do, for people and programs that want to see it."""
        resource, parts = self.resource_of(job), job.cursor["staged"]["parts"]
        shown: list[dict[str, Any]] = []
        for part in parts[:1]:
            with files.open(files.get(UUID(part), job.organization_id)) as stream:
                for line in iter(stream.readline, b""):
                    shown += map(previews.as_json, resource.compare(staging.loaded(line)))
                    if len(shown) >= PREVIEW_ROWS:
                        break
        text = json.dumps(shown[:PREVIEW_ROWS], ensure_ascii=False, indent=1)
        return files.write(
            organization_id=job.organization_id,
            purpose=staging.PURPOSE,
            permission=self.permission,
            name="preview.json",
            content_type="application/json",
            chunks=[text.encode()],
            expires_in=staging.KEPT,
        )


class ExportKind(jobs.JobKind):
    """Exports rows: `input` names the `format`, and `filters` that the room understands."""

    resource: ClassVar[type[OrganizationResource]]
    permission: ClassVar[str]
    """Who may export, and fetch the file."""
    noun: ClassVar[str]
    """What the file is called."""

    def rows(self, job: Job) -> QuerySet[Any]:
        """Return the rows to export. A room that takes filters applies them here."""
        return self.resource(job.organization_id).get_queryset()

    def plan(self, job: Job) -> int:
        """Count the rows. Raises: ValidationFailed (`too_many_rows`)."""
        count = self.rows(job).count()
        limit = writing.FORMATS[job.input["format"]].max_rows
        if limit is not None and count > limit:
            raise ValidationFailed(f"Excel takes {limit:,} rows at most here: use CSV.", code="too_many_rows")
        return count

    def step(self, job: Job) -> bool:
        """Leave everything to the end: a file is in no transaction."""
        return True

    def finish(self, job: Job) -> None:
        """Write the file, and say how far it is."""
        resource, format_ = self.resource(job.organization_id), writing.FORMATS[job.input["format"]]
        headings = [*(heading for heading, _ in resource.exported()), *resource.extra_columns()]
        followed = _Followed(job, resource.table(self.rows(job)))
        file = files.write(
            organization_id=job.organization_id,
            purpose="export",
            permission=self.permission,
            name=f"{self.noun}-{job.created_at:%Y-%m-%d}.{format_.name}",
            content_type=format_.content_type,
            chunks=format_.write(headings, followed),
            expires_in=staging.KEPT,
        )
        job.result_file_uuid = file.uuid
        job.result = {"rows": followed.count, "format": format_.name}


class _Followed:
    """Rows on their way into a file; the job says how many, and stops when it is cancelled."""

    EVERY: Final = 5

    def __init__(self, job: Job, table: Iterator[list[list[Any]]]) -> None:
        self._job, self._table = job, table
        self.count = 0

    def __iter__(self) -> Iterator[list[list[Any]]]:
        for number, rows in enumerate(self._table):
            self.count += len(rows)
            yield rows
            if number % self.EVERY == self.EVERY - 1:
                self._tell()
        self._tell()

    def _tell(self) -> None:
        rows = Job.objects.filter(pk=self._job.pk)
        with transaction.atomic():
            rows.update(done_count=self.count)
            live.changed(f"job:{self._job.pk}")
        if rows.filter(is_cancel_requested=True).exists():
            raise Cancelled("It was cancelled.")


@lru_cache(maxsize=2)
def _part(path: str) -> bytes:
    """Return a part's bytes, which never change: a bucket would send all of them for each chunk."""
    with files.open(File(path=path)) as stream:
        content: bytes = stream.read()
    return content


def release(job: Job, uuids: list[UUID]) -> None:
    """Have retention remove an import's file and its parts; after a dry run the import itself may follow.

    Not at once: a worker that dies before it has said that it is done does the end once more.
    """
    given = None if job.input.get("dry_run") else job.input.get("file")
    wanted = [*uuids, *([UUID(given)] if given else [])]
    with transaction.atomic():
        mine = File.objects.filter(organization_id=job.organization_id, uuid__in=wanted)
        mine.update(expires_at=clock.now() + RELEASED_FOR)


def import_kind(name: str) -> ImportKind:
    """Return a registered kind of import. Raises: NotFound."""
    kind = jobs.get(name)
    if not isinstance(kind, ImportKind):
        raise NotFound("There is no such import.")
    return kind
