"""Imports and exports as jobs: counted once, whatever happens between the chunks."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from django.db import transaction

from chatboost.core import clock, files, jobs
from chatboost.core.errors import NotFound, ValidationFailed
from chatboost.core.exchange import cells, kinds, limits, services, staging, writing
from chatboost.core.exchange import work as exchange_work
from chatboost.core.models import AuditEntry, File, Job, JobState, WorkItem
from chatboost.core.work import claim
from chatboost.core.work.drain import drain, run
from chatboost.messaging.exchange.contacts import ContactResource
from chatboost.messaging.jobs import EXPORT_CONTACTS, IMPORT_CONTACTS
from chatboost.messaging.models import Contact
from chatboost.settings.files import s3
from teams.models import Organization
from tests import factories
from tests.fakes.s3 import ACCESS_KEY_ID, BUCKET, REGION, SECRET_KEY, S3Fake

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "maintenance"


@pytest.fixture(autouse=True)
def _small(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path
    settings.WORK_BACKOFF_BASE = timedelta()
    monkeypatch.setattr(limits, "BATCH_ROWS", 4)
    monkeypatch.setattr(kinds, "STEP_TIME", timedelta())
    monkeypatch.setattr(staging, "PART_SIZE", 400)


def people(count: int, wrong: int = 0) -> bytes:
    """Return a table of so many good rows, and some that are not."""
    good = "".join(f"+1555000{number:04d},P{number}\n" for number in range(count))
    return f"phone,first_name\n{good}{'x,y' + chr(10)}".replace("x,y\n", "x,y\n" * wrong).encode()


def begin(organization: Organization, content: bytes, **options: Any) -> Job:
    file = services.store(
        organization_id=organization.pk, permission="messaging.change_contact", name="a.csv", chunks=[content]
    )
    return services.start_import(
        kind=IMPORT_CONTACTS,
        organization_id=organization.pk,
        actor=None,
        file=file.uuid,
        options=staging.Options(),
        **options,
    )


def step() -> int:
    """Run one round of what is due."""
    items = claim.claim(QUEUE, limit=10, now=clock.now())
    run(items)
    return len(items)


def ended(job: Job) -> Job:
    drain(QUEUE)
    job.refresh_from_db()
    return job


def counts(job: Job) -> tuple[str, int, int, int | None]:
    job.refresh_from_db()
    return job.state, job.done_count, job.failed_count, job.total_count


def test_chunks_commit_one_by_one_and_go_on_where_they_were(organization: Organization) -> None:
    job = begin(organization, people(10, wrong=3))
    seen = []
    while step():
        seen.append((*counts(job), Contact.objects.count()))
    assert seen == [
        ("running", 0, 0, None, 0),
        ("running", 0, 0, None, 0),
        ("running", 4, 3, 13, 4),
        ("running", 8, 3, 13, 8),
        ("running", 10, 3, 13, 10),
        ("done", 10, 3, 13, 10),
    ]
    assert job.result["created"] == 10


def test_parts_are_several_and_each_is_read_to_its_end(organization: Organization) -> None:
    job = begin(organization, people(50))
    step()
    step()
    job.refresh_from_db()
    assert len(job.cursor["staged"]["parts"]) > 3
    assert counts(ended(job)) == ("done", 50, 0, 50)
    assert Contact.objects.count() == 50


def test_part_in_a_bucket_is_fetched_once_for_all_its_chunks(
    organization: Organization, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "PART_SIZE", 1_000_000)
    with S3Fake() as fake:
        storage = s3(
            BUCKET, endpoint_url=fake.url, region=REGION, access_key_id=ACCESS_KEY_ID, secret_key=SECRET_KEY
        )
        settings.STORAGES = {**settings.STORAGES, "default": storage}
        job = ended(begin(organization, people(30)))
        (part,) = job.cursor["staged"]["parts"]
        path = File.objects.get(uuid=part).path
        gets = [one for one in fake.attempts if (one["method"], one["key"]) == ("GET", path)]
    assert counts(job)[:2] == (JobState.DONE, 30)
    assert len(gets) == 1


def test_crash_after_the_writes_of_a_chunk_doubles_nothing(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each chunk dies once after it has written, before it is committed."""
    died: set[str] = set()
    write = ContactResource.write

    def dying(self: ContactResource, chunk: Any) -> Any:
        done = write(self, chunk)
        key = str(chunk.numbers)
        if key not in died:
            died.add(key)
            raise RuntimeError("power cut")
        return done

    monkeypatch.setattr(ContactResource, "write", dying)
    job = begin(organization, people(10))
    assert counts(ended(job)) == ("done", 10, 0, 10)
    assert len(died) == 3
    assert job.result["created"] == 10
    assert Contact.objects.count() == 10


def test_crash_of_the_reading_leaves_nothing_twice(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, calls = staging.stage, []

    def dying(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        staged = stage(*args, **kwargs)
        if len(calls) == 1:
            raise RuntimeError("power cut")
        return staged

    monkeypatch.setattr(staging, "stage", dying)
    job = begin(organization, people(10, wrong=1))
    assert counts(ended(job)) == ("done", 10, 1, 11)
    assert len(calls) == 2


def test_reading_that_is_given_up_fails_the_job(organization: Organization) -> None:
    job = begin(organization, people(3))
    step()
    with transaction.atomic():
        exchange_work.ReadKind().on_dead([job.pk])
    WorkItem.objects.filter(kind=exchange_work.READ_KIND).delete()
    assert ended(job).state == JobState.FAILED
    assert "could not be read" in job.error


def test_refused_file_fails_the_job_and_writes_nothing(organization: Organization) -> None:
    job = ended(begin(organization, people(10) + b'"unclosed'))
    assert job.state == JobState.FAILED
    assert job.error == "A quote that opens in row 12 is never closed."
    assert not Contact.objects.exists()
    assert not WorkItem.objects.exists()


def test_cancelled_import_keeps_what_is_done_and_lets_the_files_go(organization: Organization) -> None:
    job = begin(organization, people(10))
    for _ in range(3):
        step()
    jobs.cancel(job, None)
    assert counts(ended(job))[:2] == ("cancelled", 4)
    assert Contact.objects.count() == 4
    assert files.expired(clock.now() + kinds.RELEASED_FOR).count() == File.objects.count()


def test_files_of_a_finished_import_may_go_and_the_rejected_rows_stay(organization: Organization) -> None:
    job = ended(begin(organization, people(10, wrong=1)))
    left = File.objects.exclude(pk__in=files.expired(clock.now() + kinds.RELEASED_FOR))
    assert [file.uuid for file in left] == [job.error_file_uuid]
    assert left[0].expires_at is not None


def test_file_of_a_dry_run_can_still_be_imported(organization: Organization) -> None:
    job = ended(begin(organization, people(10), is_dry_run=True))
    assert (job.result["created"], Contact.objects.count()) == (10, 0)
    again = services.start_import(
        kind=IMPORT_CONTACTS,
        organization_id=organization.pk,
        actor=None,
        file=job.input["file"],
        options=staging.Options(),
    )
    assert ended(again).result["created"] == 10


def test_import_of_a_foreign_file_is_refused(
    organization: Organization, other_organization: Organization
) -> None:
    file = services.store(
        organization_id=other_organization.pk, permission="x.y", name="a.csv", chunks=[people(1)]
    )
    options = staging.Options()
    with pytest.raises(NotFound):
        services.start_import(
            kind=IMPORT_CONTACTS, organization_id=organization.pk, actor=None, file=file.uuid, options=options
        )


def test_kind_that_imports_nothing_is_refused() -> None:
    with pytest.raises(NotFound):
        kinds.import_kind(EXPORT_CONTACTS)


def test_start_is_audited_and_a_dry_run_is_not(organization: Organization) -> None:
    begin(organization, people(1), is_dry_run=True)
    assert not AuditEntry.objects.filter(verb__startswith="import").exists()
    begin(organization, people(1))
    services.start_export(kind=EXPORT_CONTACTS, organization_id=organization.pk, actor=None, format="csv")
    verbs = AuditEntry.objects.filter(organization_id=organization.pk).order_by("id")
    assert [entry.verb for entry in verbs][-2:] == ["import.started", "export.started"]


def test_rejected_rows_can_be_corrected_and_imported_again(organization: Organization) -> None:
    job = ended(begin(organization, b"phone,first_name,note\nx,=1+1,a\n+15550001111,Ada,b\n"))
    content = files.open(files.get(job.error_file_uuid, organization.pk)).read()
    again = ended(begin(organization, content.replace(b"\nx,", b"\n+15550002222,")))
    assert (again.state, again.result["created"]) == ("done", 1)
    contact = Contact.objects.get(phone="+15550002222")
    assert contact.first_name == "=1+1"
    assert list(contact.attributes.values_list("key", "value")) == [("note", "a")]


# Exports


PAYLOADS = [
    *("=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\x00=1", " =1"),
    *(
        "＝1",
        "＋1",
        "－1",
        "＠1",
        '=HYPERLINK("http://example.com")',
        "'=1",
        "#REF!",
        "#N/A",
        "=",
        "+",
        "-",
        "@",
    ),
    *("=1;2", "=1,2", '"=1"', "=DDE(1)", "%0A=1", "= 1", "==1", "=\t1", "plain", "a=b", "1", "007", "TRUE"),
    *("1e5", "2030-01-01", "{=1}", "=SUM(A1:A9)", "+15550001111"),
]


def table() -> Iterator[list[list[Any]]]:
    yield [[payload, payload] for payload in PAYLOADS]


def test_payloads_are_many() -> None:
    assert len(PAYLOADS) >= 40


@pytest.mark.parametrize("payload", PAYLOADS)
def test_csv_holds_no_formula(payload: str) -> None:
    content = b"".join(writing.write_csv([payload], iter([[[payload]]])))
    for (cell,) in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
        first = cell.lstrip(" ")[:1]
        assert first not in set(cells.DANGEROUS)
        assert "\x00" not in cell


def test_xlsx_holds_no_formula() -> None:
    content = b"".join(writing.write_xlsx(["=1+1", "b"], table()))
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    found = [cell for row in sheet.iter_rows() for cell in row]
    assert len(found) == 2 * (len(PAYLOADS) + 1)
    assert {cell.data_type for cell in found if cell.value is not None} == {"s"}
    assert sheet["A1"].value == "=1+1"


def test_json_keeps_what_was_there() -> None:
    content = b"".join(writing.write_json(["a", "b"], table()))
    assert [row["a"] for row in json.loads(content)] == PAYLOADS


@pytest.mark.parametrize("name", list(writing.FORMATS))
@pytest.mark.parametrize("value", ["=1+1", "'=1+1", "''=1"])
def test_exported_formulas_come_back_as_texts(organization: Organization, name: str, value: str) -> None:
    factories.contact(organization, phone="+15550001111", first_name=value, last_name="@x")
    job = services.start_export(
        kind=EXPORT_CONTACTS, organization_id=organization.pk, actor=None, format=name
    )
    content = files.open(files.get(ended(job).result_file_uuid, organization.pk)).read()
    again = ended(begin(organization, content))
    assert (again.result["unchanged"], again.result["updated"], again.failed_count) == (1, 0, 0)


def test_rejected_formulas_come_back_as_they_were(organization: Organization) -> None:
    content = b"phone,first_name\nnone,'=1+1\nnone,''=1\n"
    job = ended(begin(organization, content))
    rejected = files.open(files.get(job.error_file_uuid, organization.pk)).read().decode("utf-8-sig")
    assert [row[1] for row in csv.reader(io.StringIO(rejected))] == ["first_name", "'=1+1", "''=1"]


def test_export_says_how_far_it_is_and_stops_when_cancelled(organization: Organization) -> None:
    factories.contact(organization)
    job = services.start_export(
        kind=EXPORT_CONTACTS, organization_id=organization.pk, actor=None, format="csv"
    )
    step()
    Job.objects.filter(pk=job.pk).update(is_cancel_requested=True)
    with pytest.raises(kinds.Cancelled):
        list(kinds._Followed(job, iter([[[1]]])))
    job.refresh_from_db()
    assert job.done_count == 1


def test_export_of_more_than_excel_takes_is_refused(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.contact(organization)
    few = writing.Format("xlsx", "", "text/x", writing.write_xlsx, max_rows=0)
    monkeypatch.setitem(writing.FORMATS, "xlsx", few)
    job = services.start_export(
        kind=EXPORT_CONTACTS, organization_id=organization.pk, actor=None, format="xlsx"
    )
    assert ended(job).state == JobState.FAILED
    assert "use CSV" in job.error


def test_unknown_format_is_refused(organization: Organization) -> None:
    with pytest.raises(ValidationFailed):
        services.start_export(kind=EXPORT_CONTACTS, organization_id=organization.pk, actor=None, format="pdf")
