"""Two organizations with a row of every model each, and what gives one of them away in an answer.

Rows of `A` hold a word that nobody else says, and numbers that nobody else has, so whatever of `A` comes to
light before a member of `B` is recognised in any answer, whoever wrote the endpoint.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from django.db.models import Model

from chatboost.core import clock, files
from chatboost.core.exchange import staging
from chatboost.core.models import (
    IdempotencyRecord,
    Job,
    OrganizationModel,
    OrganizationSettings,
    OutboxEvent,
    WorkAttempt,
    WorkItem,
)
from chatboost.messaging.models import Bot, Contact
from teams.models import OAuthState, Organization, OrganizationLimit, User
from tests import factories
from tests.console import rows
from triggers.models import TriggerSet

# What only A's rows say. Searches ask for its beginning, so an answer that repeats the question is no leak.
WORD = "xanthiccanary"
PREFIX = WORD[:7]

# Numbers of A's rows begin here, of B's there: seven digits that no other number in an answer has.
FIRST_OF_A, FIRST_OF_B = 7_000_000, 8_000_000
_APART = 10_000
_SEVEN_DIGITS = re.compile(r"(?<!\d)7\d{6}(?!\d)")

# Text columns whose values mean something to the machine, by the column's name.
MEANINGFUL = {
    *(
        "slug",
        "time_zone",
        "language",
        "prefix",
        "secret_hash",
        "role",
        "scopes",
        "password",
        "type",
        "phone",
    ),
    *("key", "kind", "queue", "lane", "dedupe_key", "state", "status", "purpose", "permission", "path"),
    *("content_type", "sha256", "message_id", "template", "room", "fingerprint", "request_id", "verb"),
    *("object_type", "object_id", "external_id", "external_user_id", "address", "session_key", "node_type"),
    *(
        "method",
        "event",
        "phone",
        "error_code",
        "reason",
        "reply_to_external_id",
        "config",
        "spec",
        "file_uuids",
        "chat_id",
    ),
    *("mode", "output", "url_hash", "media_type", "assets", "face", "crop"),
}


@dataclass(frozen=True)
class Tenant:
    """An organization, its owner, and its row of every model."""

    organization: Organization
    owner: User
    rows: dict[type[Model], Model] = field(repr=False)

    def row(self, model: type[Model]) -> Model:
        """Return its row of a model."""
        return self.rows[model]

    @cached_property
    def keys(self) -> set[tuple[str, str]]:
        """Table and primary key of each of its rows, as a dump has them."""
        return {(row._meta.db_table, _dumped(row.pk)) for row in self.rows.values()}

    @cached_property
    def _numbers(self) -> set[str]:
        pks = {row.pk for row in self.rows.values() if isinstance(row.pk, int)}
        return {str(pk) for pk in pks if pk >= FIRST_OF_A}

    @cached_property
    def _words(self) -> set[str]:
        contact: Any = self.rows[Contact]
        uuids = {
            str(getattr(row, each.attname))
            for row in self.rows.values()
            for each in row._meta.concrete_fields
            if isinstance(each, models.UUIDField) and getattr(row, each.attname)
        }
        return {WORD, contact.phone, contact.phone.lstrip("+"), self.organization.slug, *uuids}

    def found_in(self, text: str, *, sent: str = "") -> list[str]:
        """Return what of this tenant a text gives away, beside what the caller has sent itself."""
        text = text.lower()
        said = [word for word in self._words if word in text and word not in sent]
        numbers = set(_SEVEN_DIGITS.findall(text)) & self._numbers
        return sorted(said) + sorted(number for number in numbers if number not in sent)


@dataclass(frozen=True)
class Tenants:
    """The one whose rows must stay its own, and the one that asks for them."""

    a: Tenant
    b: Tenant


@contextmanager
def seeded() -> Iterator[Tenants]:
    """Make both in a transaction that is rolled back at the end, and that tests nest theirs in."""
    with _rolled_back():
        yield Tenants(tenant("globex", WORD, FIRST_OF_A), tenant("acme", "plainwords", FIRST_OF_B))


@contextmanager
def scratch() -> Iterator[None]:
    """Undo whatever happens meanwhile."""
    with _rolled_back():
        yield


def owned_models() -> list[type[Model]]:
    """Return every model whose rows belong to an organization."""
    return [
        model
        for model in apps.get_models()
        if issubclass(model, OrganizationModel)
        or any(each.attname == "organization_id" for each in model._meta.concrete_fields)
    ]


@cache
def model_of_noun(noun: str) -> type[Model] | None:
    """Return the model that a noun such as `api_key` means."""
    wanted = noun.replace("_", "").replace("-", "").lower()
    for model in [*owned_models(), Organization, User]:
        if model._meta.model_name == wanted:
            return model
    return None


def unmarked(tenant: Tenant) -> list[str]:
    """Return the text columns of its rows that hold no canary, though they could."""
    return [
        f"{row._meta.label}.{each.name}"
        for row in tenant.rows.values()
        for each in row._meta.concrete_fields
        if _could_say(each) and WORD not in str(getattr(row, each.attname)).lower()
    ]


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        # What our code marks as durable must not find out that it is inside of something.
        connection.atomic_blocks[-1]._from_testcase = True
        try:
            yield
        finally:
            transaction.set_rollback(True)


def tenant(slug: str, text: str, first: int) -> Tenant:
    """Make one, with the text in all that takes words and its numbers from a place on."""
    _count_from(first)
    owner = factories.user(email=f"{text}@example.com", name=text)
    organization = factories.organization(owner=owner, name=text, slug=slug)
    made = rows.one_of_each(organization, text)
    made |= {User: owner, **_the_rest(organization, owner, made, text)}
    for row in made.values():
        _mark(row, text)
    return Tenant(organization, owner, made)


def _the_rest(
    organization: Organization, owner: User, made: dict[type[Model], Model], text: str
) -> dict[type[Model], Model]:
    """Make what the console has no pages of."""
    of, item, bot = {"organization_id": organization.pk}, made[WorkItem], made[Bot]
    file = files.write(
        **of,
        # As an upload that waits to be imported, since those have a page.
        purpose=staging.PURPOSE,
        permission="messaging.change_contact",
        name=f"{text}.csv",
        content_type="text/csv",
        chunks=[f"phone,first_name\n+15550000999,{text}\n".encode()],
        expires_in=timedelta(days=1),
    )
    job = Job.objects.filter(pk=made[Job].pk)
    job.update(result_file_uuid=file.uuid, input={"note": text}, cursor={"note": text})
    found: list[Model] = [
        file,
        job.get(),
        WorkAttempt.objects.create(**of, item_id=item.pk, kind="messaging.send", outcome="died", error=text),
        OutboxEvent.objects.create(**of, name="contact.created", payload={"note": text}),
        OrganizationSettings.objects.create(**of, room="messaging", values={"note": text}),
        OrganizationLimit.objects.create(**of, name="flows", value=250),
        OAuthState.objects.create(
            **of,
            user=owner,
            purpose="drive",
            state_hash=f"{organization.slug:-<64}",
            session_hash="x" * 64,
            verifier=text,
            expires_at=clock.now() + timedelta(days=1),
        ),
        IdempotencyRecord.objects.create(**of, key=f"key-{organization.slug}", body=text),
        TriggerSet.objects.create(organization=organization, bot=bot),
        EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True),
        Authenticator.objects.create(user=owner, type="recovery_codes", data={"note": text}),
        UserSession.objects.create(
            user=owner,
            session_key=f"{organization.slug:-<32}",
            ip="192.0.2.1",
            user_agent=text,
            data={"x": text},
        ),
        LogEntry.objects.create(
            user=owner,
            content_type=ContentType.objects.get_for_model(bot),
            object_id=str(bot.pk),
            object_repr=text,
            action_flag=CHANGE,
            change_message=text,
        ),
    ]
    return {type(row): row for row in found}


def _mark(row: Model, text: str) -> None:
    """Write the text into each column of words that has something else in it yet, or nothing."""
    missing = {
        each.attname: f"{text}@example.com" if isinstance(each, models.EmailField) else text
        for each in row._meta.concrete_fields
        if _could_say(each)
        and not isinstance(each, models.JSONField)
        and text.lower() not in str(getattr(row, each.attname)).lower()
    }
    if not missing:
        return
    type(row)._base_manager.filter(pk=row.pk).update(**missing)
    for name, value in missing.items():
        setattr(row, name, value)


def _could_say(each: models.Field[Any, Any]) -> bool:
    """Tell whether a column takes a stranger's words."""
    is_text = isinstance(each, models.CharField | models.TextField | models.JSONField)
    is_long = each.max_length is None or each.max_length >= len(WORD)
    return is_text and is_long and not each.choices and each.name not in MEANINGFUL


def _count_from(first: int) -> None:
    """Have each table's numbers begin at a place of its own."""
    for index, model in enumerate([*owned_models(), Organization, User]):
        pk: Any = model._meta.pk
        if not isinstance(pk, models.AutoField | models.BigAutoField):
            continue
        start = first + index * _APART
        with connection.cursor() as cursor:
            table = model._meta.db_table
            if connection.vendor == "postgresql":
                cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [table, pk.column, start])
                continue
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, start])


def _dumped(pk: Any) -> str:
    if isinstance(pk, UUID):
        return str(pk) if connection.vendor == "postgresql" else pk.hex
    return str(pk)
