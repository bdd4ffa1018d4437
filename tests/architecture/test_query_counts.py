"""Each list and each page asks as many questions for two rows as for twelve, and as many as is written down.

    RECORD=1 .venv/bin/python -m pytest tests/architecture/test_query_counts.py

writes down anew what `query_counts.json` says.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatboost.console.site import site
from chatboost.core.admin import StaffAdmin
from tests.architecture import operations, tenants
from tests.architecture.admin_pages import browser_of
from tests.architecture.operations import Operation
from tests.architecture.tenant_sweep import is_vendors_door
from tests.architecture.tenants import Tenant
from tests.console import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet"), pytest.mark.sweep]

WRITTEN_DOWN = Path(__file__).with_name("query_counts.json")
FEW, MANY = 2, 12
# The crowd's file is no image.
OF_ANOTHER_FILE = {"compression_image", "invitations_picture"}
# Steps of a browser, with no rows to list.
OF_BROWSERS = {"authorize", "oauth2callback"}
# There is no card yet; and a report is written for the first who asks.
OF_CARDS = {"invitations_card", "invitations_card_image", "invitations_batches_report_retrieve"}
HOW_TO_RECORD = (
    "if that is meant: RECORD=1 .venv/bin/python -m pytest tests/architecture/test_query_counts.py"
)

# What keeps a transaction apart asks nothing.
_FRAME = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")


@dataclass(frozen=True)
class Crowds:
    """An organization with a few rows of everything, and one with many."""

    few: Tenant
    many: Tenant


@pytest.fixture(scope="module")
def crowds(django_db_setup: None, django_db_blocker: Any) -> Iterator[Crowds]:
    with django_db_blocker.unblock(), tenants.scratch():
        few = tenants.tenant("few", "fewwords", tenants.FIRST_OF_A)
        rows.crowd(few.organization, few.rows, FEW - 1)
        many = tenants.tenant("many", "manywords", tenants.FIRST_OF_B)
        rows.crowd(many.organization, many.rows, MANY - 1)
        yield Crowds(few, many)


def test_api_asks_as_many_questions_for_many_rows_as_for_few(
    crowds: Crowds, every_operation: list[Operation]
) -> None:
    reads = [
        each
        for each in every_operation
        if each.method == "get"
        and not is_vendors_door(each)
        and each.id not in OF_ANOTHER_FILE | OF_BROWSERS | OF_CARDS
    ]
    few, many = operations.signed_in(crowds.few.owner), operations.signed_in(crowds.many.owner)
    visits = {
        str(operation): (
            lambda each=operation: each.request(crowds.few).send(few),
            lambda each=operation: each.request(crowds.many).send(many),
        )
        for operation in reads
    }
    _compare("api", visits)


def test_console_asks_as_many_questions_for_many_rows_as_for_few(crowds: Crowds) -> None:
    few, many = browser_of(crowds.few.owner), browser_of(crowds.many.owner)
    visits = {}
    for model, admin in site._registry.items():
        if isinstance(admin, StaffAdmin) or model not in crowds.few.rows:
            continue
        address: Any = admin.url  # type: ignore[attr-defined]
        visits[f"{model._meta.label_lower} list"] = (
            lambda at=address: few.get(at("changelist")),
            lambda at=address: many.get(at("changelist")),
        )
        visits[f"{model._meta.label_lower} row"] = (
            lambda at=address, of=model: few.get(at("change", crowds.few.row(of).pk), follow=True),
            lambda at=address, of=model: many.get(at("change", crowds.many.row(of).pk), follow=True),
        )
    _compare("console", visits)


def _compare(area: str, visits: dict[str, tuple[Callable[[], Any], Callable[[], Any]]]) -> None:
    """Count what each pair of visits asks; compare one with the other, and with what is written down."""
    expected = json.loads(WRITTEN_DOWN.read_text()) if WRITTEN_DOWN.exists() else {}
    counted: dict[str, int] = {}
    problems = []
    for name, (of_few, of_many) in visits.items():
        of_few()  # what is looked up once in a process is looked up here
        asked_for_few, asked_for_many = _asked(of_few), _asked(of_many)
        counted[name] = len(asked_for_few)
        if len(asked_for_many) != len(asked_for_few):
            more = "\n    ".join(asked_for_many)
            problems.append(
                f"{name}: {len(asked_for_few)} for {FEW}, {len(asked_for_many)} for {MANY}:\n    {more}"
            )
        elif not os.environ.get("RECORD") and expected.get(area, {}).get(name) != counted[name]:
            asked = "\n    ".join(asked_for_few)
            problems.append(f"{name}: {counted[name]}, not {expected.get(area, {}).get(name)}:\n    {asked}")
    if os.environ.get("RECORD"):
        merged = {**expected, area: dict(sorted(counted.items()))}
        WRITTEN_DOWN.write_text(json.dumps(merged, indent=2, sort_keys=True) + "\n")
    gone = expected.get(area, {}).keys() - counted.keys()
    assert problems == [], "\n".join([*problems, HOW_TO_RECORD])
    assert os.environ.get("RECORD") or not gone, f"{sorted(gone)} are no more; {HOW_TO_RECORD}"


def _asked(visit: Callable[[], Any]) -> list[str]:
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        status = visit().status_code
    assert status == 200, status
    asked = [query["sql"][:300] for query in captured.captured_queries]
    return [sql for sql in asked if not sql.startswith(_FRAME)]
