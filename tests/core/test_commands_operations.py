"""What operators ask on the command line."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from chatboost.core import clock, pulse
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.ticks import firing

pytestmark = pytest.mark.django_db


def told(command: str) -> str:
    out = StringIO()
    call_command(command, stdout=out)
    return out.getvalue()


def test_list_events_names_payload_and_subscribers() -> None:
    said = told("list_events")
    assert "contact_created(organization_id: int, contact_id: int, source: str)" in said
    assert "    from chatboost.messaging.events" in said


def test_list_ticks_names_what_is_due() -> None:
    assert "retention: tick runs" in told("list_ticks")
    assert "(due)" in told("list_ticks")
    firing._seen.clear()
    firing.fire_due(now=clock.now())
    assert "(due)" not in told("list_ticks")


def test_work_status_counts_by_kind_and_tells_the_oldest() -> None:
    common = {"kind": "messaging.send", "subject_id": 1, "queue": "interactive"}
    WorkItem.objects.create(**common, run_at=clock.now() - timedelta(seconds=90))
    WorkItem.objects.create(**common, state=WorkState.DEAD)
    pulse.beat("sweep")
    said = told("work_status")
    row = said.splitlines()[1].split()
    assert row[:6] == ["interactive", "messaging.send", "0", "1", "0", "1"]
    assert "90 s" in said or "91 s" in said
    assert "sweep was here 0 s ago" in said


def test_work_status_of_an_idle_installation_says_so() -> None:
    assert "No work is owed." in told("work_status")
