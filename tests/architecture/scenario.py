"""A day of the product: its demo, its main job, and whatever the kernel offers, through the real services.

A new room shows its kinds of work in its `demo.py`; nothing has to be added here.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from chatboost.console import demo
from chatboost.core import clock, events, files, jobs, mail, ticks
from chatboost.core.admin.bulk import JOB_KIND
from chatboost.core.events import registry as event_registry
from chatboost.core.exchange import services as exchange
from chatboost.core.exchange import staging
from chatboost.core.jobs import kinds as job_kinds
from chatboost.core.models import Job, Mail
from chatboost.core.ticks import firing
from chatboost.core.work import kinds
from chatboost.core.work.kinds import EffectKind, Item
from chatboost.messaging.events import ContactCreated
from chatboost.messaging.jobs import EXPORT_CONTACTS, IMPORT_CONTACTS
from chatboost.messaging.models import (
    Channel,
    ChannelKind,
    Contact,
    Conversation,
    Message,
    SendAttempt,
)
from chatboost.messaging.services import attributes, channels, contacts, loops, messages, simulator
from compression.models import CompletionDelivery
from compression.services import requests
from flows.models import Execution, WebhookDelivery
from flows.services import executions
from invitations import privacy as invitations_privacy
from invitations.choices import SourceKind, StorageKind
from invitations.models import Invitation, InvitationBatch, SandboxContact
from invitations.privacy import Who
from invitations.services import batches as batches_of_invitations
from invitations.services import reports, sources
from teams.jobs import EXPORT_AUDIT
from teams.models import ConnectedAccount, NotificationType, Organization, User
from teams.notifications import announcements, notify, telegrams
from teams.services import connections, deletion, google_access, organizations
from tests.architecture.replay import Replay
from tests.compression import batches
from tests.fakes.faults import Fault, Rule
from tests.fakes.google import GoogleFake
from tests.fakes.graph import DEFAULT_TOKEN, GraphFake
from tests.fakes.images import ImageHost
from tests.fakes.server import Answer, LoopbackServer, Request, json_answer
from tests.fakes.smtp import SmtpServer
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake
from tests.flows import talking
from tests.flows.engine_runs import send
from tests.messaging import pipeline
from tests.teams import connected
from triggers.models import Trigger

# Long enough for a lease, the grace and the hold of an unclear send; shorter than a flow's patience.
SOON = timedelta(minutes=12)
LATER = timedelta(minutes=4)
HALF_A_DAY = timedelta(hours=12)
# Nothing but what is kept for ever is kept for so long.
YEARS = timedelta(days=3 * 365)

JOB_ROWS = 3
ALICE, BOB, CAROL = "15550001111", "15550002222", "15550003333"
OPERATORS = "ann", "bea"

_OF_TESTS = re.compile(r"(tick:|event:)?(test|rig)[.-]")


@dataclass
class World:
    """Everybody outside: the vendor, a mail server, somebody's web service."""

    graph: GraphFake
    smtp: SmtpServer
    telegram: TelegramFake
    service: LoopbackServer
    images: ImageHost
    google: GoogleFake
    keys: Counter[str] = field(default_factory=Counter)
    plans: list[datetime] = field(default_factory=list)
    _told: int = 0

    def tell(self, now: datetime) -> datetime | None:
        """Say what is to be said by now; returns when there is more."""
        self._report(now)
        for plan in [plan for plan in self.plans if plan <= now]:
            self.plans.remove(plan)
            _write(CAROL, "hello")
        return min(self.plans, default=None)

    def _report(self, now: datetime) -> None:
        """Have the vendor report what it has accepted since; the first report lacks our reference."""
        entries = self.graph.ledger
        new, self._told = entries[self._told :], len(entries)
        for entry in new:
            channel = Channel.objects.get(kind=ChannelKind.WHATSAPP, external_id=entry["phone_number_id"])
            for word, tracker in (
                ("delivered", None),
                ("sent", entry["tracker"]),
                ("read", entry["tracker"]),
            ):
                said = pipeline.status(entry["wamid"], word, at=now, tracker=tracker)
                pipeline.deliver(channel, at=now, statuses=[said])

    def doubled(self) -> list[str]:
        """Return what reached somebody twice who could have been spared it."""
        sends = dict(SendAttempt.objects.values_list("tracker", "message_id"))
        taken = Counter(sends[UUID(entry["tracker"])] for entry in self.graph.ledger)
        letters = Counter(letter.message["Message-ID"] for letter in self.smtp.taken)
        mails = set(Mail.objects.values_list("message_id", flat=True))
        chat = Counter(entry["text"] for entry in self.telegram.ledger)
        calls = {
            str(key)
            for deliveries in (WebhookDelivery, CompletionDelivery)
            for key in deliveries.objects.values_list("uuid", flat=True)
        }
        return [
            *(f"message {number} went {count} times" for number, count in taken.items() if count > 1),
            # Who can't be asked gets it once more, under the reference that tells it is the same.
            *(f"mail {key}: {count}" for key, count in letters.items() if count > 2 or key not in mails),
            *(f"in the chat {count} times: {text}" for text, count in chat.items() if count > 2),
            # A token that is fetched twice is one that was lost on the way.
            *(f"tokens of {key}: {n}" for key, n in Counter(self.google.accounts.refreshed).items() if n > 2),
            *(f"call {key}: {count}" for key, count in self.keys.items() if count > 2 or key not in calls),
        ]


@contextmanager
def world(settings: Any, folder: Path) -> Iterator[World]:
    """Start everybody outside, and have the product know them."""
    with ExitStack() as running:
        graph = running.enter_context(GraphFake())
        smtp = running.enter_context(SmtpServer())
        telegram = running.enter_context(TelegramFake())
        keys: Counter[str] = Counter()

        def answer(request: Request) -> Answer:
            keys[request.headers["idempotency-key"]] += 1
            return json_answer({"id": 7})

        service = running.enter_context(LoopbackServer(answer))
        settings.DATA_DIR, settings.MEDIA_ROOT = folder, folder / "files"
        settings.WHATSAPP_API_BASE_URL, settings.WHATSAPP_ACCESS_TOKEN = graph.url, DEFAULT_TOKEN
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", smtp.port, False
        images = running.enter_context(ImageHost())
        google = running.enter_context(GoogleFake())
        connected.point_at(settings, google)
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [service.url.removeprefix("http://"), images.authority]
        settings.WORK_BACKOFF_BASE = timedelta()
        # Redis has a clock of its own, which nobody moves: limits are counted in the database.
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
        settings.TELEGRAM_API_URL = telegram.url
        settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = TOKEN, CHAT
        # How long a job takes depends on the accidents; that its end is told must not.
        settings.JOB_NOTICE_AFTER = timedelta()
        yield World(graph, smtp, telegram, service, images, google, keys)


def is_to_carol(item: Item) -> bool:
    """Tell whether this sends to the one person whose messages always go well."""
    sends = Message.objects.filter(pk=item.subject_id, contact__phone__endswith=CAROL)
    return item.kind == messages.SEND_KIND and sends.exists()


def kinds_of_the_product() -> set[str]:
    """Return the registered kinds, without those of tests."""
    names = [*kinds.names(kinds.BatchKind), *kinds.names(EffectKind)]
    return {name for name in names if not _OF_TESTS.match(name)}


def ticks_of_the_product() -> list[str]:
    """Return the declared ticks, without those of tests."""
    return [name for name in ticks.registered() if not _OF_TESTS.match(name)]


def jobs_of_the_product() -> set[str]:
    """Return the registered kinds of jobs, without those of tests."""
    return {kind.name for kind in jobs.all_kinds() if not _OF_TESTS.match(kind.name)}


def play(replay: Replay, world: World) -> None:
    """Live through the day; every step's work is done before the next."""
    steps: list[Callable[[World], None]] = [
        _seed,
        _chat_in_the_simulator,
        _tap,
        _chat_on_whatsapp,
        _hold_back,
        _call_a_service,
        _fail_a_flow,
        # Whose worker dies at each step takes half an hour.
        _invite,
        _change_contacts,
        _mail_and_export,
        _announce,
        _go_on,
        _compress,
        _forget_who_was_invited,
        _use_google,
        _disconnect_google,
        _delete_an_organization,
        _chat_in_the_simulator,
    ]
    on_the_number = (_chat_on_whatsapp, _hold_back, _call_a_service)
    for step in steps:
        with clock.frozen(replay.now):
            step(world)
        if step in on_the_number:
            # That somebody else's answer arrives is evidence: silence means that ours did not.
            world.plans.append(replay.now + LATER)
        replay.settle(within=SOON)
    fire_ticks(replay.now)
    # Waits that nobody answers come to their end.
    replay.settle(within=HALF_A_DAY)


def grow_old(replay: Replay) -> None:
    """Come back when everything is past its time, and tidy up."""
    replay.now += YEARS
    fire_ticks(replay.now)
    replay.settle(within=SOON)


def fire_ticks(now: datetime) -> None:
    """Fire every tick of the product."""
    with clock.frozen(now):
        for name in ticks_of_the_product():
            firing.fire(name, now=now)


# Steps


def _seed(world: World) -> None:
    demo.seed()


def _chat_in_the_simulator(world: World) -> None:
    phone = _phone()
    for trigger in Trigger.objects.filter(bot=phone.bot).order_by("id"):
        for key in OPERATORS:
            simulator.receive(channel=phone, operator_key=key, text=trigger.keywords[0])


def _tap(world: World) -> None:
    simulator.receive(channel=_phone(), operator_key=OPERATORS[0], text="Tea", reply_id="tea")


def _chat_on_whatsapp(world: World) -> None:
    keywords = [trigger.keywords[0] for trigger in Trigger.objects.filter(bot=_number().bot).order_by("id")]
    _write(ALICE, keywords[0])
    _write(BOB, keywords[-1])
    somebody_elses = pipeline.status("wamid.elsewhere", "sent", at=clock.now())
    pipeline.deliver(_number(), at=clock.now(), statuses=[somebody_elses])


def _hold_back(world: World) -> None:
    """Send what the vendor takes and holds back, until its statuses say how it goes on."""
    held = {"messages": [{"id": "wamid.held", "message_status": "held_for_quality_assessment"}]}
    world.graph.play(Rule(fault=Fault.ACCEPT_THEN_ANSWER, status=200, body=json.dumps(held), times=1))
    pipeline.queue(_conversation(BOB), "Patience", at=clock.now())


def _call_a_service(world: World) -> None:
    call = (
        "webhook_action",
        {"url": world.service.url, "method": "POST", "store_response_in": "state.api_result", "next": 1},
    )
    _start(call, send("You are number {{state.api_result.id}}."), name="Call")


def _fail_a_flow(world: World) -> None:
    wrong = {"attribute_key": "age", "attribute_value": "{{state.age}}", "value_type": "number"}
    _start(("set_attribute", wrong), name="Fail", age="old")


def _change_contacts(world: World) -> None:
    organization = _organization()
    contact = contacts.create(organization=organization, source="api", phone="+15550009999")
    attributes.set_many(contact=contact, entries=[{"key": "city", "value": "Lahore", "value_type": "string"}])
    contacts.erase(contact)
    channels.disable(_number(), reason="Shown in a test")
    channels.enable(_number())
    conversation = Conversation.objects.select_related("channel").earliest("id")
    with transaction.atomic():
        loops.stop(conversation, now=clock.now())
    Conversation.objects.filter(pk=conversation.pk).update(is_bot_paused=False)


def _mail_and_export(world: World) -> None:
    organization = _organization()
    mail.queue(to="ada@example.com", template="test", context={}, organization_id=organization.pk)
    owner = User.objects.get(email=demo.EMAIL)
    jobs.start(organization_id=organization.pk, actor=owner, kind=PeopleKind.name, input={})
    gone = contacts.create(organization=organization, source="api", phone="+15550009998")
    erase = {"model": "messaging.contact", "action": "erase_selected", "ids": [gone.pk], "title": "Erase"}
    jobs.start(organization_id=organization.pk, actor=owner, kind=JOB_KIND, input=erase)
    people = exchange.store(
        organization_id=organization.pk,
        permission="messaging.change_contact",
        name="people.csv",
        chunks=[b"phone,first_name,city\n+15550005551,Ann,Rome\n+15550005552,Bea,\nnobody,,\n"],
    )
    for is_dry_run in (True, False):
        exchange.start_import(
            kind=IMPORT_CONTACTS,
            organization_id=organization.pk,
            actor=owner,
            file=people.uuid,
            options=staging.Options(),
            is_dry_run=is_dry_run,
        )
    for kind in (EXPORT_CONTACTS, EXPORT_AUDIT):
        exchange.start_export(kind=kind, organization_id=organization.pk, actor=owner, format="csv")


def _announce(world: World) -> None:
    """Tell everybody, about somebody who is erased a little later."""
    organization = _organization()
    announcements.start(title="Maintenance at noon", actor=None)
    contact = contacts.create(organization=organization, source="api", phone="+15550009997")
    notify(
        organization=organization,
        type=NotificationType.LEAD,
        title="Somebody is interested",
        permission=announcements.EVERY_MEMBER,
        object=contact,
    )
    contacts.erase(contact)
    telegrams.board(organization, "progress", "Half of it is done")


def _go_on(world: World) -> None:
    """Change what the chat reads."""
    telegrams.board(_organization(), "progress", "All of it is done")


def _compress(world: World) -> None:
    """Compress a table in which an address stands twice and another is empty, and tell a server."""
    good, bad = world.images.address("ok/1.jpg"), world.images.address("missing/2.jpg")
    requests.create(
        organization=_organization(),
        email="ada@example.com",
        file=batches.products([good, good], bad),
        webhook_url=world.service.url,
    )


def _use_google(world: World) -> None:
    """Ask for an account whose token is too old to be lent."""
    row = connected.account(_organization(), world.google, lifetime=timedelta(seconds=-1))
    with transaction.atomic():
        google_access.lend(row)


def _invite(world: World) -> None:
    """Invite two people whose cards go to Drive; whoever is new would be invited, too."""
    source = sources.create(
        organization=_organization(), kind=SourceKind.SANDBOX, name="Party", is_polled=True
    )
    SandboxContact.objects.filter(source=source, number__gt=2).delete()
    batches_of_invitations.start(
        batches_of_invitations.create(
            source=source,
            storage=StorageKind.DRIVE,
            account=connected.account(
                _organization(), world.google, subject="1002", lifetime=timedelta(days=2)
            ),
            actor=User.objects.get(email=demo.EMAIL),
        )
    )


def _forget_who_was_invited(world: World) -> None:
    """Ask for the report, and erase somebody."""
    batch = InvitationBatch.objects.get(source__name="Party")
    reports.start(batch, actor=User.objects.get(email=demo.EMAIL))
    invited = Invitation.objects.filter(batch=batch).earliest("id")
    invitations_privacy.forget(_organization(), Who(email=invited.email))


def _disconnect_google(world: World) -> None:
    """Hand the consent back."""
    row = ConnectedAccount.objects.get(subject="1001")
    connections.disconnect(row, actor=User.objects.get(email=demo.EMAIL))


def _delete_an_organization(world: World) -> None:
    """Leave one behind, with a file, whose time is up years later."""
    owner = User.objects.get(email=demo.EMAIL)
    organization = organizations.create(name="Short-lived", owner=owner)
    contacts.create(organization=organization, source="api", phone="+15550009996")
    mail.queue(to="ada@example.com", template="test", context={}, organization_id=organization.pk)
    files.write(
        organization_id=organization.pk,
        purpose="exports",
        permission="core.view_file",
        name="kept.txt",
        content_type="text/plain",
        chunks=[b"kept"],
        expires_in=None,
    )
    deletion.delete(organization=organization, slug=organization.slug, actor=owner)


def _start(*nodes: talking.NodeParts, name: str, **variables: Any) -> Execution:
    conversation = _conversation(ALICE)
    flow = talking.published(conversation.bot, *nodes, name=name)
    return executions.start(
        flow=flow, bot=conversation.bot, contact=conversation.contact, variables=variables
    )


def _write(sender: str, words: str) -> None:
    now = clock.now()
    pipeline.deliver(_number(), at=now, messages=[pipeline.text(words, sender=sender, at=now)])


def _conversation(phone: str) -> Conversation:
    return Conversation.objects.get(channel=_number(), contact__phone__endswith=phone)


def _organization() -> Organization:
    return Organization.objects.get(slug=demo.SLUG)


def _phone() -> Channel:
    return Channel.objects.filter(kind=ChannelKind.SIMULATOR).select_related("bot").earliest("id")


def _number() -> Channel:
    return Channel.objects.filter(kind=ChannelKind.WHATSAPP).select_related("bot").earliest("id")


# What the kernel runs for rooms, as long as no room has one


class PeopleKind(jobs.JobKind):
    """Writes a person a chunk, twice is once too often; then a list of them."""

    name = "test.people"
    title = "Write people"

    def plan(self, job: Job) -> int:
        return JOB_ROWS

    def step(self, job: Job) -> bool:
        row = job.cursor.get("row", 0)
        if row < JOB_ROWS:
            Contact.objects.create(organization_id=job.organization_id, phone=f"+1555000400{row}")
            jobs.count(job, done=1)
            job.cursor["row"] = row + 1
        return row + 1 >= JOB_ROWS

    def finish(self, job: Job) -> None:
        file = files.write(
            organization_id=job.organization_id,
            purpose="jobs",
            permission="core.view_job",
            name="people.txt",
            content_type="text/plain",
            chunks=[b"people\n"],
            expires_in=timedelta(days=1),
        )
        job.result_file_uuid = file.uuid


@contextmanager
def rooms_of_tests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register a job kind and a subscriber, for as long as this lasts."""
    with monkeypatch.context() as patch:
        patch.setitem(job_kinds._kinds, PeopleKind.name, PeopleKind())
        patch.setattr(kinds, "_kinds", dict(kinds._kinds))
        listeners = event_registry._by_event[ContactCreated.name]
        patch.setitem(event_registry._by_event, ContactCreated.name, list(listeners))
        events.subscribe(ContactCreated.name, name="test.greeter", handler=_greet)
        yield


def _greet(payload: Mapping[str, Any], organization_id: int) -> None:
    # The event may come after its contact has asked to be forgotten.
    if not Contact.objects.filter(pk=payload["contact_id"], erased_at=None).exists():
        return
    greeted = attributes.AttributeWrite(
        organization_id=organization_id,
        contact_id=payload["contact_id"],
        key="greeted",
        value=True,
        value_type="boolean",
    )
    attributes.write([greeted])
