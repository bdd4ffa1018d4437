"""The sweeps find what somebody forgot: a route, a page and a topic that are everybody's."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatboost.core import live
from tests.architecture import admin_pages, operations, planted
from tests.architecture.admin_pages import browser_of
from tests.architecture.admin_sweep import AdminSweep
from tests.architecture.tenant_sweep import Caller, Sweep
from tests.architecture.tenants import Tenants
from tests.architecture.topic_sweep import leaking_topics

pytestmark = [pytest.mark.django_db, pytest.mark.sweep]


@pytest.fixture
def planted_routes(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.architecture.planted"


def test_planted_viewset_is_found(both: Tenants, caller: Caller, planted_routes: None) -> None:
    found = operations.operations(planted.routes)

    problems = Sweep(both, caller).run(found).problems

    caught = {operation.id for operation in found if any(operation.id in line for line in problems)}
    # Everything that reaches a row; the paths' common beginning is left out of the ids.
    assert caught >= {
        "bots_list",
        "bots_retrieve",
        "bots_update",
        "bots_partial_update",
        "bots_destroy",
        "names_list",
    }
    assert "names_retrieve" not in caught


def test_planted_page_is_found(both: Tenants, quiet: None, planted_routes: None) -> None:
    every_page = [page for page in admin_pages.pages(planted.planted_site) if "messaging_bot_" in page.name]

    problems = AdminSweep(both, "owner", browser_of(both.b.owner)).run(every_page).problems

    bot = both.a.row(planted.Bot).pk
    assert [line for line in problems if f"/bot/{bot}/change/" in line and "gives away" in line]
    assert [line for line in problems if f"/bot/{bot}/change/" in line and "changed" in line]
    assert [line for line in problems if "/messaging/bot/:" in line and "gives away" in line]


@pytest.fixture
def planted_topic() -> Iterator[None]:
    live.register_topic("bot", lambda organization, number: True, permission="messaging.view_bot")
    yield
    live._topics.pop("bot")


def test_planted_topic_is_found(both: Tenants, planted_topic: None) -> None:
    assert leaking_topics(both) == [f"bot:{both.a.row(planted.Bot).pk}"]
