"""What every list has in common: its name, its pages, its colours, and what it says when it is empty."""

from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chatboost.console import navigation
from chatboost.console.site import site
from chatboost.core.admin.display import TONES
from chatboost.core.admin.pagination import UncountedPaginator
from chatboost.core.admin.staff import StaffAdmin
from chatboost.core.models import AuditEntry, Job, Mail, WorkItem
from chatboost.messaging.models import Contact, Conversation, Message, WebhookReceipt
from flows.models import Execution, WebhookDelivery
from teams.models import Organization
from tests import factories
from tests.console import rows
from triggers.models import TriggerLog

pytestmark = pytest.mark.django_db

# Tables that grow with use, not with what somebody sets up.
GROWING = (
    *(Message, WebhookReceipt, Execution, TriggerLog, Contact, Conversation, AuditEntry, WorkItem, Job, Mail),
    WebhookDelivery,
)


def address(model: type[Model], page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", GROWING, ids=lambda model: model._meta.label)
def test_growing_table_is_not_counted(
    model: type[Model], browser: Client, organization: Organization
) -> None:
    rows.one_of_each(organization)
    with CaptureQueriesContext(connection) as captured:
        browser.get(address(model))
    table = f'FROM "{model._meta.db_table}"'
    counted = [each["sql"] for each in captured if "COUNT(" in each["sql"] and table in each["sql"]]
    # The badge of the menu counts at most a hundred dead items.
    assert [sql for sql in counted if "LIMIT" not in sql] == []


def test_no_list_shows_more_rows_than_a_person_reads() -> None:
    assert {admin.list_per_page for admin in site._registry.values()} == {50}


def test_next_page_is_offered_only_when_there_is_one(browser: Client, organization: Organization) -> None:
    for _ in range(50):
        factories.contact(organization)
    assert 'rel="next"' not in browser.get(address(Contact)).content.decode()
    factories.contact(organization)
    assert 'rel="next"' in browser.get(address(Contact)).content.decode()
    last = browser.get(f"{address(Contact)}?p=2").content.decode()
    assert 'rel="prev"' in last
    assert 'rel="next"' not in last


def test_page_far_beyond_the_end_costs_no_scan(browser: Client, organization: Organization) -> None:
    factories.contact(organization)
    answer = browser.get(f"{address(Contact)}?p=199999999")
    assert (answer.status_code, answer["Location"].endswith("?e=1")) == (302, True)


def test_uncounted_pages_hold_every_row_once() -> None:
    pages = UncountedPaginator(list(range(120)), 50)
    found = [row for number in (1, 2, 3) for row in pages.page(number)]
    assert found == list(range(120))


def test_list_is_called_what_the_menu_calls_it(browser: Client, organization: Organization) -> None:
    rows.one_of_each(organization)
    titles = {}
    for model, admin in site._registry.items():
        title = navigation.list_title(model._meta.label_lower)
        if title and not isinstance(admin, StaffAdmin):
            text = browser.get(address(model)).content.decode()
            titles[model._meta.label] = f"<bdi>{title}</bdi>" in text and f"<title>{title} |" in text.replace(
                "\n", ""
            ).replace("<title> ", "<title>")
    assert len(titles) > 12
    assert [label for label, is_same in titles.items() if not is_same] == []


def test_every_model_is_in_the_menu_or_in_a_tab() -> None:
    assert [
        model._meta.label for model in site._registry if not navigation.list_title(model._meta.label_lower)
    ] == []


def test_row_has_the_list_above_it(browser: Client, organization: Organization) -> None:
    made = rows.one_of_each(organization, "Something")
    text = browser.get(address(Mail, "change", made[Mail].pk)).content.decode()
    assert f'<a href="{address(Mail)}"><bdi>Mailbox</bdi></a>' in text
    assert "<bdi>Something</bdi>" in text


def test_every_state_has_a_colour() -> None:
    unknown = {
        f"{model._meta.label}.{field.name}: {value}"
        for model in site._registry
        for field in model._meta.concrete_fields
        if field.name in ("state", "status", "health") and field.choices
        for value, _ in field.choices
        if value not in TONES
    }
    assert unknown == set()


def test_empty_list_says_what_to_do(browser: Client, organization: Organization) -> None:
    text = browser.get(address(Contact)).content.decode()
    assert "Nothing here yet" in text
    assert "Everybody who writes to a bot becomes a contact" in text


def test_search_without_a_hit_offers_everything(browser: Client, organization: Organization) -> None:
    factories.contact(organization)
    text = browser.get(f"{address(Contact)}?q=nobody").content.decode()
    assert "Nothing matches" in text
    assert "Nothing here yet" not in text


def test_history_of_a_row_is_the_audit_log_s(browser: Client, organization: Organization) -> None:
    bot = factories.bot(organization)
    text = browser.get(address(type(bot), "change", bot.pk)).content.decode()
    log = f"{address(AuditEntry)}?object_type=messaging.bot&amp;object_id={bot.pk}"
    assert log in text
    assert browser.get(log.replace("&amp;", "&")).status_code == 200
