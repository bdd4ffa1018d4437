"""What the rooms tell people: each thing once, to whom it concerns, without what must not leave the house."""

from datetime import timedelta
from typing import Any

import pytest

from chatboost.core import clock, jobs
from chatboost.core.jobs import kinds as job_kinds
from chatboost.core.jobs import lifecycle
from chatboost.core.models import Job, JobState, WorkAttempt
from chatboost.messaging.models import MessageStatus, OriginKind
from chatboost.messaging.services import channels, failures
from flows.events import FlowFailed
from flows.models import ExecutionState
from flows.services import executions
from flows.subscribers import tell_of_failure
from teams.models import Membership, Notification, Organization, TelegramMessage, User
from teams.notifications import incidents
from teams.roles import Role
from teams.services import telegram
from tests import factories
from tests.console import rows
from tests.fakes.telegram import CHAT, TOKEN
from tests.flows import talking
from tests.messaging.pipeline import work

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def admin(organization: Organization) -> User:
    return factories.member(organization, Role.ADMIN)


def told_to(user: User) -> list[tuple[str, str]]:
    return list(Notification.objects.filter(user=user).order_by("id").values_list("type", "title"))


# Channels


def test_channel_that_can_not_send_is_told_to_whoever_can_repair_it(
    organization: Organization, admin: User, editor: User
) -> None:
    channel = factories.channel(factories.bot(organization), name="Shop")
    channels.disable(channel, reason="auth_failed: expired")
    channels.disable(channel, reason="auth_failed: expired")
    work(clock.now())
    assert told_to(admin) == [("incident", "Shop can’t send")]
    assert told_to(editor) == []
    assert Notification.objects.get(user=admin).body == "auth_failed: expired"


def test_channel_that_works_again_is_not_told_of(organization: Organization, admin: User) -> None:
    channel = factories.channel(factories.bot(organization))
    channels.disable(channel, reason="auth_failed")
    channels.enable(channel)
    work(clock.now())
    assert told_to(admin) == []


def test_channel_that_breaks_again_is_told_again(organization: Organization, admin: User) -> None:
    channel = factories.channel(factories.bot(organization))
    for _ in range(2):
        channels.disable(channel, reason="auth_failed")
        work(clock.now())
        channels.enable(channel)
    assert len(told_to(admin)) == 2


# Flows


def fail(organization: Organization, at: Any, flow: Any = None) -> Any:
    conversation = rows.open_conversation(organization)
    flow = flow or rows.flow(conversation.bot, "Order")
    run = rows.execution(flow, conversation, state=ExecutionState.FAILED, ended_at=at, error_code="bad_value")
    event = FlowFailed(
        organization_id=organization.pk,
        flow_id=flow.pk,
        execution_id=run.pk,
        contact_id=run.contact_id,
        conversation_id=conversation.pk,
        code="bad_value",
    )
    tell_of_failure(event.payload(), organization.pk)
    return flow


def test_flow_that_fails_is_told_once_an_hour(organization: Organization, editor: User) -> None:
    viewer = factories.member(organization, Role.VIEWER)
    at = clock.now().replace(minute=5)
    flow = fail(organization, at)
    fail(organization, at + timedelta(minutes=20), flow)
    fail(organization, at + HOUR, flow)
    fail(organization, at)
    assert told_to(editor) == [("flow_event", "The flow Order failed")] * 3
    assert told_to(viewer) == []


def test_flow_that_fails_for_real_is_told(organization: Organization, editor: User) -> None:
    bot = factories.bot(organization)
    factories.channel(bot)
    wrong = {"attribute_key": "age", "attribute_value": "{{state.age}}", "value_type": "number"}
    flow = talking.published(bot, ("set_attribute", wrong), name="Broken")
    contact = factories.contact(organization)
    executions.start(flow=flow, bot=bot, contact=contact, variables={"age": "old"})
    work(clock.now())
    assert told_to(editor) == [("flow_event", "The flow Broken failed")]


# Messages


@pytest.mark.parametrize(
    ("status", "words"),
    [(MessageStatus.FAILED, "was not delivered"), (MessageStatus.REFUSED, "was not sent")],
)
def test_operator_hears_of_a_message_that_is_lost_and_nobody_else_does(
    organization: Organization, editor: User, admin: User, status: str, words: str
) -> None:
    conversation = rows.open_conversation(organization)
    fields = {"direction": "outbound", "status": status, "reason_detail": "No WhatsApp there"}
    mine = rows.message(conversation, origin_kind=OriginKind.OPERATOR, origin_id=editor.pk, **fields)
    bots = rows.message(conversation, origin_kind=OriginKind.FLOW, origin_id=editor.pk, **fields)
    for _ in range(2):
        failures.tell_senders([mine, bots])
    assert told_to(editor) == [("message_status", f"A message of yours {words}")]
    assert told_to(admin) == []
    row = Notification.objects.get()
    assert row.body == "No WhatsApp there"
    assert row.url == f"/admin/messaging/conversation/{conversation.pk}/thread/"
    assert (row.object_type, row.object_id) == ("messaging.contact", str(conversation.contact_id))


def test_message_that_arrives_is_no_news(organization: Organization, editor: User) -> None:
    conversation = rows.open_conversation(organization)
    sent = rows.message(
        conversation,
        direction="outbound",
        status=MessageStatus.DELIVERED,
        origin_kind=OriginKind.OPERATOR,
        origin_id=editor.pk,
    )
    failures.tell_senders([sent])
    assert told_to(editor) == []


# Dead work


def die(organization_id: int, kind: str, at: Any) -> None:
    WorkAttempt.objects.create(
        item_id=1,
        organization_id=organization_id,
        kind=kind,
        outcome="died",
        error="Ada owes us",
        ended_at=at,
    )


def test_dead_work_is_told_once_a_kind_and_hour(organization: Organization, editor: User) -> None:
    now = clock.now().replace(minute=30)
    viewer = factories.member(organization, Role.VIEWER)
    for kind in ("messaging.send", "messaging.send", "flows.wake"):
        die(organization.pk, kind, now)
    for minutes in (0, 1, 20):
        incidents.tell_of_dead_work(now + timedelta(minutes=minutes))
    assert told_to(editor) == [
        ("incident", "Work of the kind flows.wake was given up"),
        ("incident", "Work of the kind messaging.send was given up"),
    ]
    assert told_to(viewer) == []
    die(organization.pk, "messaging.send", now + HOUR)
    incidents.tell_of_dead_work(now + HOUR)
    assert len(told_to(editor)) == 3
    assert "Ada" not in str(list(Notification.objects.values_list("title", "body")))


def test_dead_work_of_long_ago_is_not_told(organization: Organization, editor: User) -> None:
    now = clock.now()
    die(organization.pk, "messaging.send", now - 2 * HOUR)
    incidents.tell_of_dead_work(now)
    assert told_to(editor) == []


def test_dead_work_of_the_installation_is_told_to_its_staff_once(
    organization: Organization, other_organization: Organization, editor: User
) -> None:
    staff = factories.member(organization, Role.VIEWER)
    Membership.objects.create(organization=other_organization, user=staff, role=Role.VIEWER)
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    now = clock.now().replace(minute=30)
    die(0, "teams.purge_organization", now)
    for minutes in (0, 1):
        incidents.tell_of_dead_work(now + timedelta(minutes=minutes))
    assert told_to(staff) == [("incident", "Work of the kind teams.purge_organization was given up")]
    assert told_to(editor) == []


@pytest.mark.parametrize(("kind", "count"), [("messaging.send", 1), ("teams.telegram", 0)])
def test_death_of_telegram_is_not_told_by_telegram(
    organization: Organization, editor: User, kind: str, count: int
) -> None:
    telegram.save(organization=organization, bot_token=TOKEN, chat_id=CHAT, actor=None)
    die(organization.pk, kind, clock.now())
    incidents.tell_of_dead_work(clock.now())
    assert len(told_to(editor)) == 1
    assert TelegramMessage.objects.count() == count


# Jobs


class Slow(jobs.JobKind):
    """Does nothing."""

    name = "test.slow"
    title = "Slow work"

    def step(self, job: Job) -> bool:
        return True


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(job_kinds._kinds, Slow.name, Slow())


@pytest.mark.parametrize(
    ("seconds", "state", "failed", "news"),
    [
        (60, JobState.DONE, 0, [("batch", "Slow work is done")]),
        (60, JobState.DONE, 2, [("batch", "Slow work is done")]),
        (60, JobState.FAILED, 0, [("batch", "Slow work failed")]),
        (60, JobState.CANCELLED, 0, []),
        (1, JobState.DONE, 0, []),
    ],
)
def test_job_that_took_long_is_told_to_whoever_started_it(
    organization: Organization,
    editor: User,
    admin: User,
    seconds: int,
    state: JobState,
    failed: int,
    news: Any,
) -> None:
    job = jobs.start(organization_id=organization.pk, actor=editor, kind=Slow.name, input={})
    job.done_count, job.failed_count = 5, failed
    with clock.frozen(job.created_at + timedelta(seconds=seconds)):
        lifecycle.end(job, state)
    work(clock.now() + HOUR, kinds=["event:teams.job_told"])
    assert told_to(editor) == news
    assert told_to(admin) == []
    if failed:
        row = Notification.objects.get()
        assert (row.severity, row.body) == ("warning", "7 rows. 2 of them went wrong.")


def test_job_of_a_program_is_told_to_nobody(organization: Organization) -> None:
    job = jobs.start(organization_id=organization.pk, actor=None, kind=Slow.name, input={})
    with clock.frozen(job.created_at + HOUR):
        lifecycle.end(job, JobState.DONE)
    work(clock.now() + 2 * HOUR)
    assert not Notification.objects.exists()
