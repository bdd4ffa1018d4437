"""Ways to get new people, with a fact about each, into the database: what one writes first, and ours."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from import_export import resources
from tablib import Dataset

from chatboost.core.exchange import services, staging
from chatboost.core.models import Job
from chatboost.core.work.drain import drain
from chatboost.messaging import phones
from chatboost.messaging.jobs import IMPORT_CONTACTS
from chatboost.messaging.models import Contact, ContactAttribute

HEADINGS = ("phone", "first_name", "last_name", "email", "language")
FACT = "city"


def table(first: int, count: int) -> bytes:
    """Return a CSV of people who were not there before."""
    lines = [",".join((*HEADINGS, FACT))]
    lines += [
        f"+1555{number:09d},First{number},Last{number},person{number}@example.com,en,Town{number % 97}"
        for number in range(first, first + count)
    ]
    return ("\n".join(lines) + "\n").encode()


def ours(content: bytes, organization_id: int) -> None:
    """Import as the product does: the file stored, read, cleaned, and written by jobs."""
    file = services.store(
        organization_id=organization_id, permission="messaging.change_contact", name="a.csv", chunks=[content]
    )
    job = services.start_import(
        kind=IMPORT_CONTACTS,
        organization_id=organization_id,
        actor=None,
        file=file.uuid,
        options=staging.Options(),
    )
    while Job.objects.get(pk=job.pk).finished_at is None:
        drain("maintenance")


def bulk_create(content: bytes, organization_id: int) -> None:
    """Read with csv, clean the phone, and create people and facts a thousand at a time."""
    people, towns = [], []
    for row in csv.DictReader(io.StringIO(content.decode())):
        towns.append(row.pop(FACT))
        people.append(
            Contact(organization_id=organization_id, **{**row, "phone": phones.normalise(row["phone"])})
        )
    with transaction.atomic():
        created = Contact.objects.bulk_create(people, batch_size=1000)
        facts = [_fact(person, town) for person, town in zip(created, towns, strict=True)]
        ContactAttribute.objects.bulk_create(facts, batch_size=1000)


def _fact(person: Contact, town: str) -> ContactAttribute:
    return ContactAttribute(
        organization_id=person.organization_id, contact=person, key=FACT, value=town, search_value=town
    )


class PlainResource(resources.ModelResource):
    """What django-import-export's documentation shows."""

    class Meta:
        model = Contact
        import_id_fields = ("phone",)
        fields = HEADINGS

    def before_save_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
        """Put the row into the organization."""
        instance.organization_id = kwargs["organization_id"]

    def after_save_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
        """Save the fact about it."""
        _fact(instance, row[FACT]).save()


def import_export(content: bytes, organization_id: int) -> None:
    """Import through the library's own loop."""
    data = Dataset().load(content.decode(), format="csv")
    PlainResource().import_data(data, raise_errors=True, organization_id=organization_id)


def floor(content: bytes, organization_id: int) -> None:
    """Put ready rows into indexed tables by the database's own means."""
    rows: Sequence[Any] = [line.split(",") for line in content.decode().split("\n")[1:-1]]
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy("COPY bench_people FROM STDIN") as copy:
                copy.write("".join("\t".join(row[:-1]) + "\n" for row in rows))
            with cursor.copy("COPY bench_facts FROM STDIN") as copy:
                copy.write("".join(f"{row[0]}\t{FACT}\t{row[-1]}\n" for row in rows))
        else:
            cursor.executemany(
                "INSERT INTO bench_people VALUES (%s, %s, %s, %s, %s)", [row[:-1] for row in rows]
            )
            cursor.executemany(
                "INSERT INTO bench_facts VALUES (%s, %s, %s)", [(row[0], FACT, row[-1]) for row in rows]
            )


def make_floor() -> None:
    """Make the tables of the floor."""
    with connection.cursor() as cursor:
        columns = ", ".join(f"{name} varchar(254)" for name in HEADINGS)
        cursor.execute(f"CREATE TABLE bench_people ({columns})")
        cursor.execute("CREATE UNIQUE INDEX bench_people_phone ON bench_people (phone)")
        cursor.execute("CREATE TABLE bench_facts (phone varchar(254), key varchar(64), value varchar(254))")
        cursor.execute("CREATE UNIQUE INDEX bench_facts_once ON bench_facts (phone, key)")
