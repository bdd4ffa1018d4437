"""Jobs: chunks commit with their counts, whatever happens between them."""

from datetime import timedelta
from queue import SimpleQueue

import pytest
from django.conf import settings
from django.db import transaction
from pytest_django import Settings

from chatboost.core import clock, files, jobs, live
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.core.jobs import running
from chatboost.core.models import AuditEntry, Counter, File, Job, JobState, WorkItem, WorkState
from chatboost.core.work import claim, dead_letters, kinds
from chatboost.core.work.drain import drain, run
from chatboost.core.work.sweep import sweep
from teams.models import Organization, User
from teams.roles import Role
from tests import factories
from tests.core.job_kinds import Orders, obey

pytestmark = pytest.mark.django_db

QUEUE = "maintenance"


@pytest.fixture(autouse=True)
def orders() -> Orders:
    return obey()


def begin(rows: int = 5, kind: str = "test.rows", organization_id: int = 1) -> Job:
    return jobs.start(organization_id=organization_id, actor=None, kind=kind, input={"rows": rows})


def step(now_plus: timedelta = timedelta()) -> int:
    """Run one round of what is due; returns how many items that were."""
    now = clock.now() + now_plus
    items = claim.claim(QUEUE, limit=10, now=now)
    run(items, now=lambda: now)
    return len(items)


def counts(job: Job) -> tuple[str, int, int, int]:
    """Return state, done, failed, and how many rows there really are."""
    job.refresh_from_db()
    rows = Counter.objects.filter(name__startswith=f"{job.pk} ").count()
    return job.state, job.done_count, job.failed_count, rows


# Starting


def test_start_writes_the_job_and_its_work_together() -> None:
    job = begin()
    item = WorkItem.objects.get()
    assert (job.state, item.subject_id, item.lane, item.queue) == ("queued", job.pk, f"job:{job.pk}", QUEUE)


@pytest.mark.django_db(transaction=True)
def test_start_in_a_rolled_back_transaction_leaves_nothing() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        begin()
        _ = 1 / 0
    assert not Job.objects.exists()
    assert not WorkItem.objects.exists()


def test_start_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(LookupError):
        begin(kind="test.nobody_knows")


def test_start_notes_who_started_it(editor: User) -> None:
    job = jobs.start(organization_id=1, actor=editor, kind="test.rows", input={"rows": 1})
    assert (job.actor_id, job.actor_label) == (editor.pk, editor.email)


def test_kind_registered_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        jobs.register(jobs.get("test.rows"))  # type: ignore[arg-type]


# Running


def test_job_runs_to_its_end_and_leaves_no_work() -> None:
    job = begin(rows=5)
    drain(QUEUE)
    assert counts(job) == ("done", 5, 0, 5)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert not WorkItem.objects.exists()


def test_each_chunk_commits_alone_and_says_how_far_it_is(orders: Orders) -> None:
    job = begin(rows=5)
    seen = []
    while step():
        seen.append((*counts(job), jobs.fraction(job)))
    assert seen == [("running", 2, 0, 2, 0.4), ("running", 4, 0, 4, 0.8), ("done", 5, 0, 5, 1.0)]
    assert orders.planned == 1


def test_rows_that_could_not_be_done_are_counted(orders: Orders) -> None:
    orders.fail_at = {1, 4}
    job = begin(rows=5)
    drain(QUEUE)
    assert counts(job) == ("done", 3, 2, 5)


def test_jobs_take_turns() -> None:
    first, second = begin(rows=9), begin(rows=3)
    step()
    assert [counts(job)[1] for job in (first, second)] == [2, 2]


def test_each_job_of_a_claim_has_a_transaction_of_its_own(orders: Orders) -> None:
    good, bad = begin(rows=2), begin(rows=4)
    orders.raise_at = {3}
    step()
    step()
    assert [counts(job)[0] for job in (good, bad)] == ["done", "running"]


def test_job_whose_room_is_gone_fails_in_words() -> None:
    job = begin()
    Job.objects.update(kind="test.removed")
    drain(QUEUE)
    assert counts(job)[0] == "failed"
    assert "test.removed" in job.error


def test_item_of_a_job_that_is_gone_is_dropped() -> None:
    begin()
    Job.objects.all().delete()
    assert step() == 1
    assert not WorkItem.objects.exists()


@pytest.mark.parametrize(
    ("state", "total", "done", "failed", "expected"),
    [
        (JobState.QUEUED, None, 0, 0, None),
        (JobState.RUNNING, None, 7, 0, None),
        (JobState.DONE, None, 7, 0, 1.0),
        (JobState.RUNNING, 3, 1, 1, 0.6667),
        (JobState.RUNNING, 0, 0, 0, 1.0),
        (JobState.RUNNING, 2, 3, 0, 1.0),
        (JobState.FAILED, 4, 1, 0, 0.25),
    ],
)
def test_fraction(state: JobState, total: int | None, done: int, failed: int, expected: float | None) -> None:
    job = Job(state=state, total_count=total, done_count=done, failed_count=failed)
    assert jobs.fraction(job) == expected


# Failing


def test_error_in_a_chunk_rolls_it_back_and_is_tried_again_from_there(orders: Orders) -> None:
    job = begin(rows=5)
    step()
    orders.raise_at = {3}
    step()
    assert counts(job) == ("running", 2, 0, 2)
    orders.raise_at = set()
    while step(timedelta(hours=2)):
        pass
    assert counts(job) == ("done", 5, 0, 5)


def test_worker_that_dies_in_a_chunk_leaves_counts_exact() -> None:
    job = begin(rows=5)
    step()
    lost = claim.claim(QUEUE, limit=10, now=clock.now())
    later = clock.now() + settings.WORK_LEASE + timedelta(seconds=1)
    sweep(now=later)
    run(lost)  # the dead one comes back: its lease is another's now
    assert counts(job) == ("running", 2, 0, 2)
    while items := claim.claim(QUEUE, limit=10, now=later + timedelta(hours=1), suspect=True) or claim.claim(
        QUEUE, limit=10, now=later + timedelta(hours=1)
    ):
        run(items)
    assert counts(job) == ("done", 5, 0, 5)


def test_job_that_keeps_failing_is_given_up_in_words(orders: Orders) -> None:
    orders.raise_at = {2}
    job = begin(rows=5)
    for hours in range(settings.WORK_MAX_ERRORS + 1):
        step(timedelta(hours=2 * hours))
    assert counts(job) == ("failed", 2, 0, 2)
    assert job.error == running.GIVEN_UP
    assert WorkItem.objects.get().state == WorkState.DEAD


def test_job_whose_worker_keeps_dying_is_given_up_in_words() -> None:
    job = begin()
    now = clock.now()
    for attempt in range(settings.WORK_MAX_CRASHES):
        claim.claim(QUEUE, limit=1, now=now, suspect=attempt > 0)
        now += settings.WORK_LEASE + timedelta(seconds=1)
        sweep(now=now)
        now += timedelta(hours=2)
    assert counts(job)[0] == "failed"
    assert job.error == running.CRASHED


def test_dead_items_of_jobs_that_have_ended_change_nothing() -> None:
    job = begin(rows=1)
    drain(QUEUE)
    kind = kinds.get("core.job")
    assert kind is not None
    kind.on_dead([job.pk])
    assert counts(job)[0] == "done"


def test_dead_item_that_is_tried_again_goes_on_where_the_job_stopped(orders: Orders, editor: User) -> None:
    orders.raise_at = {2}
    job = begin(rows=5)
    for hours in range(settings.WORK_MAX_ERRORS + 1):
        step(timedelta(hours=2 * hours))
    orders.raise_at = set()
    dead_letters.retry(list(WorkItem.objects.all()), actor=editor)
    drain(QUEUE)
    assert counts(job) == ("done", 5, 0, 5)
    assert job.error == ""


def test_refusal_fails_the_job_at_once_with_its_message(orders: Orders) -> None:
    orders.refuse_at = {3}
    job = begin(rows=5)
    drain(QUEUE)
    assert counts(job) == ("failed", 2, 0, 2)
    assert job.error == "Row 3 is not for us."
    assert not WorkItem.objects.exists()


# Cancelling


def test_waiting_job_is_cancelled_at_once(orders: Orders, editor: User) -> None:
    job = begin()
    assert jobs.cancel(job, editor).state == JobState.CANCELLED
    drain(QUEUE)
    assert counts(job) == ("cancelled", 0, 0, 0)
    assert orders.cancelled == [job.pk]


def test_running_job_is_cancelled_before_its_next_chunk(orders: Orders, editor: User) -> None:
    job = begin()
    step()
    assert jobs.cancel(job, editor).state == JobState.RUNNING
    step()
    assert counts(job) == ("cancelled", 2, 0, 2)
    assert orders.cancelled == [job.pk]
    assert not WorkItem.objects.exists()


def test_job_that_waits_after_an_error_is_cancelled_without_waiting(orders: Orders, editor: User) -> None:
    orders.raise_at = {2}
    job = begin()
    step()
    step()
    WorkItem.objects.update(run_at=clock.now() + timedelta(hours=1))
    jobs.cancel(job, editor)
    step()
    assert counts(job)[0] == "cancelled"


def test_cancelling_twice_is_one_cancelling(editor: User) -> None:
    job = begin()
    step()
    jobs.cancel(job, editor)
    jobs.cancel(job, editor)
    assert AuditEntry.objects.filter(verb="job.cancelled").count() == 1


def test_job_that_has_ended_is_not_cancelled(editor: User) -> None:
    job = begin(rows=1)
    drain(QUEUE)
    with pytest.raises(Conflict) as refusal:
        jobs.cancel(job, editor)
    assert refusal.value.code == "job_finished"


# Finishing, which runs in a thread with a connection of its own


@pytest.mark.django_db(transaction=True)
def test_finish_builds_the_file_after_the_last_chunk() -> None:
    job = begin(rows=3, kind="test.file")
    drain(QUEUE)
    assert counts(job) == ("done", 3, 0, 3)
    assert job.result == {"lines": 3}
    file = files.get(job.result_file_uuid, 1)  # type: ignore[arg-type]
    with files.open(file) as content:
        assert content.read().decode().splitlines() == [f"{job.pk} {number}" for number in range(3)]


@pytest.mark.django_db(transaction=True)
def test_finish_that_raises_is_tried_again_and_one_file_counts(orders: Orders) -> None:
    orders.finish_error = OSError("the storage is away")
    job = begin(rows=1, kind="test.file")
    drain(QUEUE)
    assert counts(job)[0] == "running"
    orders.finish_error = None
    step(timedelta(hours=2))
    assert (counts(job)[0], orders.finished) == ("done", 2)
    (orphan,) = File.objects.exclude(uuid=job.result_file_uuid)
    assert orphan in files.expired(clock.now() + timedelta(days=2))


@pytest.mark.django_db(transaction=True)
def test_finish_that_is_refused_fails_the_job(orders: Orders) -> None:
    orders.finish_error = ValidationFailed("Nothing to export.")
    job = begin(rows=1, kind="test.file")
    drain(QUEUE)
    assert (counts(job)[0], job.error) == ("failed", "Nothing to export.")
    assert not WorkItem.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_finish_that_keeps_failing_gives_the_job_up_and_can_be_tried_again(
    orders: Orders, organization: Organization
) -> None:
    orders.finish_error = OSError("the storage is away")
    job = begin(rows=1, kind="test.file", organization_id=organization.pk)
    step()
    for hours in range(settings.WORK_MAX_ERRORS):
        step(timedelta(hours=2 * hours))
    assert (counts(job)[0], job.error) == ("failed", running.GIVEN_UP)
    orders.finish_error = None
    dead_letters.retry(list(WorkItem.objects.all()), actor=None)
    step()
    assert (counts(job)[0], job.error) == ("done", "")


@pytest.mark.django_db(transaction=True)
def test_job_cancelled_before_its_finish_builds_nothing(orders: Orders) -> None:
    job = begin(rows=1, kind="test.file")
    step()
    jobs.cancel(job, None)
    step()
    assert (counts(job)[0], orders.finished) == ("cancelled", 0)


# Following


@pytest.mark.parametrize("role", list(Role))
def test_member_may_follow_a_job_of_the_organization(role: Role, organization: Organization) -> None:
    job = begin(organization_id=organization.pk)
    member = factories.member(organization, role)
    assert live.may_follow(f"job:{job.pk}", user=member, organization=organization)


def test_job_of_other_organization_may_not_be_followed(
    editor: User, organization: Organization, other_organization: Organization
) -> None:
    topic = f"job:{begin(organization_id=other_organization.pk).pk}"
    answers = [
        live.may_follow(topic, user=editor, organization=of)
        for of in (organization, other_organization, None)
    ]
    assert answers == [False, False, False]


class Recorder:
    """A channel layer that notes what is sent."""

    heard: SimpleQueue[str] = SimpleQueue()

    def __init__(self, **config: object) -> None:
        pass

    async def group_send(self, group: str, message: dict[str, dict[str, int]]) -> None:
        for topic in message["topics"]:
            self.heard.put(topic)


@pytest.mark.django_db(transaction=True)
def test_each_chunk_is_announced(settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.Recorder"}}
    job = begin(rows=5)
    for _ in range(2):
        step()
        # What another test announced may come in the same window.
        while Recorder.heard.get(timeout=10) != f"job:{job.pk}":
            pass
