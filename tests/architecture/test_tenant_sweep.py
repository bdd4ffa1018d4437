"""No organization's rows come to light, or change, before another: every operation, every place for an id."""

import pytest

from chatboost.console.site import site
from teams.models import User
from tests.architecture import admin_pages, operations, tenant_sweep, tenants, topic_sweep
from tests.architecture.admin_pages import browser_of
from tests.architecture.admin_sweep import AdminSweep
from tests.architecture.operations import Operation
from tests.architecture.tenant_sweep import Answer, Caller, Sweep
from tests.architecture.tenants import Tenants

pytestmark = [pytest.mark.django_db, pytest.mark.sweep]


def test_both_have_a_row_of_every_model_that_belongs_to_an_organization(both: Tenants) -> None:
    missing = [
        model._meta.label
        for model in tenants.owned_models()
        if model not in both.a.rows or model not in both.b.rows
    ]
    assert missing == [], "make one in tests/console/rows.py or tests/architecture/tenants.py"


def test_every_text_of_a_says_whose_it_is(both: Tenants) -> None:
    assert tenants.unmarked(both.a) == []


def test_owner_of_a_sees_what_b_must_not(both: Tenants) -> None:
    """The canaries are seen where they may be: otherwise not to find them would mean nothing."""
    client = operations.signed_in(both.a.owner)
    lists = ("/bots", "/contacts", "/conversations", "/bots/flows", "/triggers", "/jobs", "/auth/users")
    blind = [each for each in lists if not both.a.found_in(Answer.of(client.get(each)).body)]
    assert blind == []


def test_no_operation_gives_away_or_changes_rows_of_another_organization(
    both: Tenants, caller: Caller, every_operation: list[Operation], capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = Sweep(both, caller).run(every_operation)

    with capsys.disabled():
        counts = ", ".join(f"{count} {what}" for what, count in sweep.done.items())
        print(f"\n{caller.name}: {len(sweep.exercised)} places for an id, {counts}")
    assert sweep.problems == [], "\n".join(sweep.problems)
    assert list(tenant_sweep.missing(every_operation, sweep.exercised)) == []


@pytest.mark.parametrize("is_staff", [False, True], ids=["owner", "owner of the installation's staff"])
def test_no_page_gives_away_or_changes_rows_of_another_organization(
    both: Tenants, quiet: None, is_staff: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    User.objects.filter(pk=both.b.owner.pk).update(is_staff=is_staff)
    every_page = admin_pages.pages(site)

    visitor = "staff" if is_staff else "owner"
    sweep = AdminSweep(both, visitor, browser_of(both.b.owner), is_thorough=not is_staff).run(every_page)

    with capsys.disabled():
        counts = ", ".join(f"{count} {what}" for what, count in sweep.done.items())
        print(
            f"\n{sweep.visitor}: {len(sweep.visited)} kinds of pages, {sweep.done.total()} visited: {counts}"
        )
    assert sweep.problems == [], "\n".join(sweep.problems)
    assert {page.name for page in every_page} == sweep.visited
    assert sweep.done.total() >= 300
    # Its own rows are shown: that the others' are not is worth something.
    tenants_models = {page.model for page in every_page if not page.is_for_staff} & both.b.rows.keys()
    assert is_staff or tenants_models - sweep.shown == set()


def test_no_topic_of_another_organization_may_be_followed(both: Tenants, quiet: None) -> None:
    assert topic_sweep.refused_topics(both) == []
    assert topic_sweep.leaking_topics(both) == []
