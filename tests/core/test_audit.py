"""The audit log: who did what, beside the change, without a secret."""

import json
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from chatboost.core import audit
from chatboost.core.models import AuditEntry, Mail
from chatboost.messaging.models import Channel, ContactStatus
from teams.models import Organization, User
from teams.principals import ApiKeyPrincipal
from teams.services import api_keys
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization), access_token="EAAG-one")


def changes(**changed: tuple[Any, Any]) -> dict[str, Any]:
    """Record changes and return them as they are stored."""
    entry = audit.record(actor=None, verb="test.changed", changes=changed)
    entry.refresh_from_db()
    return entry.changes


# Who, what, where


def test_entry_of_a_user_names_person_object_and_organization(editor: User, channel: Channel) -> None:
    entry = audit.record(actor=editor, verb="channel.changed", object=channel)
    entry.refresh_from_db()
    assert (entry.actor_id, entry.actor_label) == (editor.pk, editor.email)
    assert (entry.object_type, entry.object_id) == ("messaging.channel", str(channel.pk))
    assert (entry.object_label, entry.organization_id) == (channel.name, channel.organization_id)


def test_entry_of_an_api_key_names_the_key_and_no_person(organization: Organization) -> None:
    key, text = api_keys.create(organization=organization, name="ada@example.com")
    entry = audit.record(actor=ApiKeyPrincipal(key), verb="bot.created")
    assert entry.actor_id is None
    assert entry.actor_label == f"API key ada@example.com (cb_{key.prefix}…)"
    assert text not in entry.actor_label


def test_entry_without_an_actor_is_the_systems() -> None:
    entry = audit.record(actor=None, verb="work.retried")
    assert (entry.actor_id, entry.actor_label, entry.organization_id) == (None, "System", 0)


def test_entry_of_a_stranger_is_not_the_systems() -> None:
    assert audit.record(actor=AnonymousUser(), verb="x").actor_label == "AnonymousUser"


def test_given_organization_wins_over_the_objects(channel: Channel) -> None:
    assert audit.record(actor=None, verb="x", object=channel, organization_id=0).organization_id == 0


def test_entry_carries_the_requests_id() -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        assert audit.record(actor=None, verb="x").request_id == "r-1"


@pytest.mark.django_db(transaction=True)
def test_entry_of_a_rolled_back_change_is_none() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        audit.record(actor=None, verb="x")
        _ = 1 / 0
    assert not AuditEntry.objects.exists()


def test_one_entry_costs_one_statement(channel: Channel, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        audit.record(actor=None, verb="x", object=channel, changes={"name": ("a", "b")})


def test_many_entries_cost_one_statement(
    organization: Organization, editor: User, django_assert_num_queries: Any
) -> None:
    people = [factories.contact(organization) for _ in range(30)]
    AuditEntry.objects.all().delete()
    with django_assert_num_queries(1):
        audit.record_many(actor=editor, verb="contact.changed", objects=people, changes={"status": (1, 2)})
    assert AuditEntry.objects.filter(organization_id=organization.pk, actor_id=editor.pk).count() == 30


# Secrets


@pytest.mark.parametrize(
    "name",
    ["password", "new_password", "access_token", "verify_token", "app_secret", "API_KEY", "Authorization"],
)
def test_value_whose_name_tells_a_secret_is_masked_on_both_sides(name: str) -> None:
    assert changes(**{name: ("EAAG-one", "EAAG-two")}) == {name: [audit.MASK, audit.MASK]}


@pytest.mark.parametrize("value", ["EAAG-two", "", None, {"a": "EAAG-two"}, ["EAAG-two"], b"EAAG-two"])
def test_encrypted_column_is_masked_whatever_is_passed(channel: Channel, value: Any) -> None:
    entry = audit.record(actor=None, verb="x", object=channel, changes={"access_token": ("EAAG-one", value)})
    assert entry.changes == {"access_token": [audit.MASK, audit.MASK]}


def test_encrypted_column_with_an_innocent_name_is_masked() -> None:
    entry = audit.record(actor=None, verb="x", object=Mail(pk=1), changes={"text": ("one", "two")})
    assert entry.changes == {"text": [audit.MASK, audit.MASK]}


def test_secret_inside_a_value_is_masked() -> None:
    stored = changes(config=({}, {"headers": {"Authorization": "Bearer x"}, "steps": [{"token": "y"}]}))
    assert stored == {
        "config": [{}, {"headers": {"Authorization": audit.MASK}, "steps": [{"token": audit.MASK}]}]
    }


# Values


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=26), "1 02:00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ContactStatus.BLOCKED, "blocked"),
        (b"12345", "5 bytes"),
        ("a\x00b", "ab"),
        ("\ud800", "?"),
        ({1: {2}}, {"1": [2]}),
        ((1, "b"), [1, "b"]),
    ],
)
def test_value_is_stored_as_json_that_databases_take(value: Any, stored: Any) -> None:
    assert changes(field=("before", value)) == {"field": ["before", stored]}


def test_long_text_is_shortened() -> None:
    ((_, after),) = changes(text=("", "x" * 5000)).values()
    assert after == "x" * audit.MAX_TEXT + "… 4,700 more characters"


def test_long_list_and_mapping_are_shortened() -> None:
    stored = changes(rows=(list(range(60)), {str(number): number for number in range(60)}))
    assert stored["rows"][0][-1] == "… 10 more"
    assert stored["rows"][1]["…"] == "10 more"


def test_deep_value_ends_as_text() -> None:
    deep: Any = "core"
    for _ in range(50):
        deep = [deep]
    assert len(json.dumps(changes(field=(None, deep)))) < 500


def test_instance_is_stored_by_its_label(channel: Channel) -> None:
    assert changes(channel=(None, channel)) == {"channel": [None, channel.name]}


# Differences


def test_diff_keeps_what_differs_and_what_only_one_side_has() -> None:
    assert audit.diff({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == {"b": (2, 3), "c": (None, 4)}


def test_changes_of_an_instance_compares_with_what_it_holds(channel: Channel) -> None:
    assert audit.changes_of(channel, name="New", is_active=channel.is_active) == {"name": ("WhatsApp", "New")}


def test_state_leaves_out_times_deferred_columns_and_the_database(
    channel: Channel, django_assert_num_queries: Any
) -> None:
    row = Channel.objects.defer("access_token").get(pk=channel.pk)
    with django_assert_num_queries(0):
        state = audit.state_of(row)
    assert state["bot_id"] == channel.bot_id
    assert not {"id", "created_at", "organization_id", "access_token"} & set(state)


def test_state_of_nothing_is_empty() -> None:
    assert audit.state_of(None) == {}


def test_forgetting_blanks_names_and_values_and_keeps_who_did_what(
    organization: Organization, editor: User
) -> None:
    ada = factories.contact(organization, first_name="Ada")
    other = factories.contact(organization, first_name="Bob")
    for person in (ada, other):
        audit.record(actor=editor, verb="contact.changed", object=person, changes={"first_name": ("X", "Y")})
    audit.forget(ada)
    blanked = AuditEntry.objects.get(object_id=str(ada.pk), object_type="messaging.contact")
    kept = AuditEntry.objects.get(object_id=str(other.pk), object_type="messaging.contact")
    assert (blanked.object_label, blanked.changes) == (f"Contact {ada.pk}", {})
    assert (blanked.actor_id, blanked.verb) == (editor.pk, "contact.changed")
    assert kept.object_label == "Bob"
