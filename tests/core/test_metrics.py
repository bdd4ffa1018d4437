"""/metrics: figures of the whole installation, for those who may see them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings

from chatboost.core import clock, metrics, pulse
from chatboost.core.models import Job, JobState, TickRun, WorkItem, WorkState
from chatboost.messaging.models import Message, MessageStatus
from teams.models import Organization
from tests import factories

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TOKEN = "a-token-for-tests"


def scrape() -> dict[tuple[str, ...], float]:
    """Return samples by name and label values."""
    with clock.frozen(NOON):
        answer = Client().get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def item(state: str = WorkState.READY, *, ago: timedelta = SECOND, **fields: Any) -> None:
    given = {"kind": "test.kind", "subject_id": 1, "queue": "interactive"}
    WorkItem.objects.create(state=state, run_at=NOON - ago, **(given | fields))


@pytest.mark.django_db
def test_work_is_counted_by_queue_and_state() -> None:
    for state in (WorkState.READY, WorkState.READY, WorkState.SCHEDULED, WorkState.DEAD):
        item(state)
    item(WorkState.LEASED, queue="media")
    samples = scrape()

    name = "chatboost_work_items"
    assert [samples[name, "interactive", state] for state in ("ready", "scheduled", "dead", "leased")] == [
        2,
        1,
        1,
        0,
    ]
    assert (samples[name, "media", "leased"], samples[name, "campaign", "ready"]) == (1, 0)


@pytest.mark.django_db
def test_oldest_ready_age_is_that_of_due_work() -> None:
    item(ago=40 * SECOND)
    item(ago=9 * SECOND)
    item(WorkState.DEAD, ago=1000 * SECOND)
    item(ago=-60 * SECOND, queue="media")
    samples = scrape()

    name = "chatboost_work_oldest_ready_age_seconds"
    assert [samples[name, queue] for queue in ("interactive", "media", "campaign")] == [40, 0, 0]


@pytest.mark.django_db
def test_oldest_ready_age_leaves_out_what_its_lane_keeps_waiting() -> None:
    item(ago=-60 * SECOND, lane="send:1")
    item(ago=40 * SECOND, lane="send:1")
    item(ago=9 * SECOND, lane="send:2")

    assert scrape()["chatboost_work_oldest_ready_age_seconds", "interactive"] == 9


@pytest.mark.django_db
def test_dead_letters_are_counted_by_kind() -> None:
    for kind in ("a.b", "a.b", "c.d"):
        item(WorkState.DEAD, kind=kind)
    samples = scrape()

    assert samples["chatboost_work_dead_items", "a.b"] == 2
    assert samples["chatboost_work_dead_items", "c.d"] == 1


@pytest.mark.django_db
def test_jobs_events_heartbeats_and_ticks_are_told() -> None:
    Job.objects.create(organization_id=1, kind="x", state=JobState.RUNNING)
    Job.objects.create(organization_id=1, kind="x", state=JobState.DONE, finished_at=NOON)
    pulse.count("work_fenced", 3)
    TickRun.objects.create(name="tidy", slot=NOON - 60 * SECOND, fired_at=NOON - 59 * SECOND)
    with clock.frozen(NOON - 7 * SECOND):
        pulse.beat("sweep")
    samples = scrape()

    assert (samples["chatboost_jobs", "running"], samples["chatboost_jobs", "queued"]) == (1, 0)
    assert samples["chatboost_events_total", "work_fenced"] == 3
    assert samples["chatboost_heartbeat_age_seconds", "sweep"] == 7
    assert samples["chatboost_tick_age_seconds", "tidy"] == 59


@pytest.mark.django_db
def test_unclear_sends_are_told(organization: Organization) -> None:
    channel = factories.channel(factories.bot(organization))
    contact = factories.contact(organization)
    talk = factories.conversation(channel, contact)
    for status in (MessageStatus.UNKNOWN, MessageStatus.SENT):
        Message.objects.create(
            organization=organization,
            bot_id=channel.bot_id,
            channel=channel,
            conversation=talk,
            contact=contact,
            direction="outbound",
            status=status,
            type="text",
        )

    assert scrape()["chatboost_unknown_sends",] == 1


@pytest.mark.django_db
def test_build_is_named(settings: Settings) -> None:
    assert scrape()["chatboost_build_info", settings.SPECTACULAR_SETTINGS["VERSION"]] == 1


@pytest.mark.django_db
def test_scrape_costs_one_query_a_figure_however_much_there_is(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for queue in ("interactive", "media", "campaign"):
        for state in WorkState:
            item(state, queue=queue, kind=f"test.{queue}")
    with django_assert_num_queries(7 + len(metrics._figures)):
        scrape()


def test_name_of_a_figure_is_taken_once() -> None:
    with pytest.raises(ValueError, match="unknown_sends"):
        metrics.register("unknown_sends", "Again.", lambda: 0)


# Who may


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_may_scrape_without_a_token(path: str, peer: str) -> None:
    assert Client().get(path, REMOTE_ADDR=peer).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "meta",
    [
        {"REMOTE_ADDR": "198.51.100.7"},
        {"REMOTE_ADDR": "10.0.0.7"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=127.0.0.1"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": "127.0.0.1"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_PROTO": "https"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_HOST": "chat.example.com"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_VIA": "1.1 proxy"},
        {"REMOTE_ADDR": "198.51.100.7", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
    ],
)
def test_nobody_else_may_without_a_token(
    meta: dict[str, str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = Client().get("/metrics", **meta)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "credentials", ["", TOKEN, "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer tökén"]
)
def test_with_a_token_set_nothing_else_opens(settings: Settings, credentials: str) -> None:
    settings.METRICS_TOKEN = TOKEN

    answer = Client().get("/metrics", HTTP_AUTHORIZATION=credentials, REMOTE_ADDR="127.0.0.1")

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.django_db
def test_with_the_token_anybody_may(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN

    answer = Client().get("/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}", REMOTE_ADDR="198.51.100.7")

    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (200, "text/plain")
    assert Client().post("/metrics").status_code == 405
