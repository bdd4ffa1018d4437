"""People of a source become invitations."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from invitations.choices import BatchState, InvitationState, LuckyMode
from invitations.models import Invitation, InvitationBatch
from invitations.providers.base import Person
from invitations.services import people
from invitations.services.people import Added
from teams.models import Organization
from tests.invitations import made


def rows(batch: InvitationBatch) -> list[Invitation]:
    return list(Invitation.objects.filter(batch=batch).order_by("id"))


def test_add_maps_the_fields_and_owes_the_work(organization: Organization) -> None:
    batch = made.batch(made.source(organization, photo_field="portrait"))
    given = made.person(7, portrait="https://photos.example/7.jpg", city="Lahore")
    assert people.add(batch, [given]) == Added(made=1)
    (row,) = rows(batch)
    assert (row.external_id, row.name, row.email) == ("7", "Ada Example 7", "ada7@example.com")
    assert (row.photo_url, row.values["city"]) == ("https://photos.example/7.jpg", "Lahore")
    assert (row.state, row.step, row.lucky_number, row.lucky_serial) == ("pending", "photo", "1", 0)
    assert (batch.total_count, batch.lucky_taken) == (1, 1)


def test_add_contact_with_link_is_skipped(organization: Organization) -> None:
    batch = made.batch(made.source(organization))
    given = [made.person(1, invitation_link="https://drive.example/1"), made.person(2, invitation_link=" ")]
    assert people.add(batch, given) == Added(made=1, skipped=1)
    assert [row.external_id for row in rows(batch)] == ["2"]
    assert batch.skipped_count == 1


@pytest.mark.parametrize("state", ["pending", "running", "done", "conflict"])
def test_add_contact_with_standing_invitation_is_skipped(organization: Organization, state: str) -> None:
    source = made.source(organization)
    earlier = made.batch(source)
    people.add(earlier, made.people(1))
    Invitation.objects.update(state=state)
    assert people.add(made.batch(source), made.people(1, 2)) == Added(made=1, skipped=1)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_add_contact_whose_invitation_ended_badly_gets_another(
    organization: Organization, state: str
) -> None:
    source = made.source(organization)
    people.add(made.batch(source), made.people(1))
    Invitation.objects.update(state=state)
    assert people.add(made.batch(source), made.people(1)) == Added(made=1)


def test_add_the_same_page_again_changes_nothing(organization: Organization) -> None:
    batch = made.batch(made.source(organization))
    people.add(batch, made.people(1, 2, 2))
    assert people.add(batch, made.people(1, 2)) == Added()
    assert (batch.total_count, batch.skipped_count, len(rows(batch))) == (2, 0, 2)


def test_add_dry_run_stops_at_five(organization: Organization) -> None:
    source = made.source(organization)
    batch = made.batch(source, is_dry_run=True)
    assert people.add(batch, made.people(1, 2, 3)) == Added(made=3)
    assert people.add(batch, made.people(4, 5, 6, 7)) == Added(made=2, is_full=True)
    assert people.add(batch, made.people(8)) == Added(is_full=True)
    assert all(row.is_dry_run for row in rows(batch))
    # Who was in a dry run has no invitation yet.
    assert people.add(made.batch(source), made.people(1)) == Added(made=1)


def test_add_more_people_than_numbers_fails_the_rest(organization: Organization) -> None:
    batch = made.batch(made.source(organization), lucky_mode=LuckyMode.RANDOM, lucky_first=5, lucky_last=7)
    people.add(batch, made.people(1, 2, 3, 4))
    last = rows(batch)[-1]
    assert (last.state, last.error_code) == (InvitationState.FAILED, "range_exhausted")
    assert {row.lucky_number for row in rows(batch)[:3]} == {"5", "6", "7"}
    assert (batch.total_count, batch.failed_count, batch.lucky_taken) == (4, 1, 3)


def test_add_number_of_a_field_is_taken_as_it_is(organization: Organization) -> None:
    source = made.source(organization, lucky_field="ticket")
    batch = made.batch(source, lucky_mode=LuckyMode.FIELD)
    people.add(batch, [made.person(1, ticket="A-017"), made.person(2)])
    assert [(row.lucky_number, row.lucky_serial) for row in rows(batch)] == [("A-017", None), ("", None)]


@pytest.mark.parametrize("state", [BatchState.CANCELLED, BatchState.COMPLETED])
def test_add_batch_that_has_ended_takes_nobody(organization: Organization, state: str) -> None:
    batch = made.batch(made.source(organization))
    batch.finished_at, batch.state = batch.created_at, state
    batch.save()
    assert people.add(batch, made.people(1)) == Added(is_full=True)
    assert rows(batch) == []


def test_add_what_no_database_stores_is_taken_out(organization: Organization) -> None:
    batch = made.batch(made.source(organization))
    people.add(batch, [Person("1", {"firstname": "A\x00da", "lastname": "\ud800", "email": "a" * 300})])
    (row,) = rows(batch)
    assert (row.name, len(row.email)) == ("Ada ?", 254)


def test_add_many_people_takes_as_many_queries_as_few(organization: Organization) -> None:
    source = made.source(organization)
    counts = []
    for numbers in (range(1, 3), range(10, 210)):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            people.add(made.batch(source, notices="off"), made.people(*numbers))
        counts.append(len(queries))
    assert counts[0] == counts[1]
