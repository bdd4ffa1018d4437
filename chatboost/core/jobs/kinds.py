"""What a room implements to have a job done, registered by name."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from chatboost.core.models import Job


class JobKind(ABC):
    """One kind of job.

        plan → step → step → … → True → finish
        \\_______ transactions _______/    outside one

    A `DomainError` from `plan`, `step` or `finish` fails the job at once, with its message for people. Any
    other exception is tried again from the last chunk that committed, until the work table gives up.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    queue: ClassVar[str] = "maintenance"

    def plan(self, job: Job) -> int | None:
        """Return how many things there are to do, None for not known. Before the first step, with it."""
        return None

    @abstractmethod
    def step(self, job: Job) -> bool:
        """Do one chunk and return whether it was the last.

        The job's row is locked. Move `job.cursor`, call `jobs.count`, set `job.result`: all of it is saved
        with the chunk's own rows or not at all. Keep it below 100 ms: on SQLite nobody else writes meanwhile.
        """

    def finish(self, job: Job) -> None:  # noqa: B027 optional
        """Build what the job leaves behind, by setting `result`, `result_file_uuid` and `error_file_uuid`.

        Runs after the last chunk, in a thread, outside of a transaction, for a minute at most; after a crash
        it runs again. Give files a time to expire: one that a crash orphaned goes with it.
        """

    def on_cancel(self, job: Job) -> None:  # noqa: B027 optional
        """Undo or settle what a cancelled job leaves, in the transaction that cancels it."""

    def describe(self, job: Job) -> str:
        """Return what people call this job."""
        return self.title

    @property
    def has_finish(self) -> bool:
        """Whether there is anything to do after the last chunk."""
        return type(self).finish is not JobKind.finish


_kinds: dict[str, JobKind] = {}


def register(kind: JobKind) -> None:
    """Make a kind known by its name, from a room's `jobs.py`. Raises ValueError when the name is taken."""
    if kind.name in _kinds:
        raise ValueError(f"job kind {kind.name!r} is registered twice")
    _kinds[kind.name] = kind


def get(name: str) -> JobKind | None:
    """Return the kind of that name, if a room has registered it."""
    return _kinds.get(name)


def all_kinds() -> Sequence[JobKind]:
    """Return every kind, by title."""
    return sorted(_kinds.values(), key=lambda kind: kind.title)


def title_of(job: Job) -> str:
    """Return what people call the job; its kind's name when the room is gone."""
    kind = get(job.kind)
    return kind.describe(job) if kind else job.kind
