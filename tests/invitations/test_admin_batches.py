"""Batches and cards in the console: live progress, filters, buttons, the crop by hand, conflicts."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chatboost.core import clock
from chatboost.core.models import Job
from invitations.choices import InvitationState, Step, StepState
from invitations.models import Invitation, InvitationBatch, InvitationSource, InvitationStep
from invitations.services import batches, sources
from teams.models import AccountState, ConnectedAccount, Organization
from teams.roles import Role
from tests.invitations import made
from tests.invitations.console import page, said, shown, signed_in

pytestmark = pytest.mark.django_db

DOCUMENT = {"version": 1, "width": 100, "height": 100}


@pytest.fixture
def browser(organization: Organization) -> Client:
    return signed_in(organization, Role.EDITOR)


@pytest.fixture
def viewer(organization: Organization) -> Client:
    return signed_in(organization, Role.VIEWER)


@pytest.fixture
def source(organization: Organization) -> InvitationSource:
    return sources.create(organization=organization, kind="sandbox", name="Sandbox")


@pytest.fixture
def batch(source: InvitationSource) -> InvitationBatch:
    return batches.start(batches.create(source=source))


def invitation(of: InvitationBatch, number: int = 1, **fields: Any) -> Invitation:
    """An invitation of a batch, which counts it."""
    fields.setdefault("name", f"Guest {number}")
    return Invitation.objects.create(
        organization_id=of.organization_id, batch=of, source=of.source, external_id=str(number), **fields
    )


def counted(of: InvitationBatch, **counts: Any) -> None:
    InvitationBatch.objects.filter(pk=of.pk).update(**counts)


def again(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


# Batches


def test_new_batch_is_a_draft_until_it_is_started(browser: Client, source: InvitationSource) -> None:
    html = said(browser, page(InvitationBatch, "add"), source=source.pk, name="June")
    draft = InvitationBatch.objects.get()
    assert (draft.state, draft.name) == ("draft", "June")
    assert "nothing has happened yet" in html
    assert "/do/pause/" not in html
    assert "Started." in said(browser, page(draft, "action", "start"))
    assert again(draft).state == "running"


def test_draft_can_be_changed_and_what_runs_can_not(browser: Client, source: InvitationSource) -> None:
    draft = batches.create(source=source, name="June")
    form = browser.get(page(draft)).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    answer = browser.post(page(draft), {**sent, "lucky_last": "50"})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert again(draft).lucky_last == 50
    batches.start(again(draft))
    assert browser.post(page(draft), {**sent, "lucky_last": "70"}).status_code == 403
    assert again(draft).lucky_last == 50


def test_page_shows_progress_states_and_reasons(browser: Client, batch: InvitationBatch) -> None:
    invitation(batch, 1, state="done", lucky_number="0007")
    invitation(batch, 2, state="failed", error_code="quota", error_detail="The <b>Drive</b> is full.")
    counted(batch, total_count=4, done_count=1, failed_count=1, skipped_count=3, is_fetched=True)
    html = shown(browser, page(batch))
    assert "2 of 4" in html
    assert "0007" in html
    assert "The &lt;b&gt;Drive&lt;/b&gt; is full." in html
    assert f'data-topic="invitation_batch:{batch.pk}"' in html


def test_page_keeps_to_one_state_when_asked(browser: Client, batch: InvitationBatch) -> None:
    invitation(batch, 1, name="Ada", state="done")
    invitation(batch, 2, name="Grace", state="failed")
    html = shown(browser, f"{page(batch)}?only=failed")
    assert "Grace" in html
    assert "Ada" not in html
    assert "No card is in this state" in shown(browser, f"{page(batch)}?only=conflict")


def test_page_turns(browser: Client, batch: InvitationBatch) -> None:
    for number in range(50):
        invitation(batch, number, name=f"Guest-{number:02}")
    first, second = (shown(browser, f"{page(batch)}?page={number}") for number in (1, 2))
    assert "Guest-47" in first
    assert "Guest-48" not in first
    assert "Next page" in first
    assert "Guest-49" in second
    assert "Previous page" in second


def test_page_asks_as_many_questions_for_many_cards(browser: Client, batch: InvitationBatch) -> None:
    counts = []
    for number in (1, 10, 20):
        for each in range(number):
            invitation(batch, number * 100 + each)
        with CaptureQueriesContext(connection) as asked:
            shown(browser, page(batch, "cards"))
        counts.append(len(asked))
    assert counts[1] == counts[2]


def test_part_that_moves_is_304_until_something_changes(browser: Client, batch: InvitationBatch) -> None:
    first = browser.get(page(batch, "cards"))
    assert browser.get(page(batch, "cards"), HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304
    invitation(batch, state="done")
    counted(batch, total_count=1, done_count=1)
    later = browser.get(page(batch, "cards"), HTTP_IF_NONE_MATCH=first["ETag"])
    assert later.status_code == 200
    batches.cancel(batch)
    assert "data-topic" not in browser.get(page(batch, "cards")).content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"paused_until": timedelta(minutes=9)}, "asked us to wait until"),
        ({"error": "401: no"}, "refuses our credentials"),
    ],
)
def test_page_says_why_it_waits(
    browser: Client, batch: InvitationBatch, fields: dict[str, Any], words: str
) -> None:
    now = clock.now()
    moved = {name: now + value if isinstance(value, timedelta) else value for name, value in fields.items()}
    InvitationSource.objects.filter(pk=batch.source_id).update(**moved)
    assert words in shown(browser, page(batch))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"paused_until": timedelta(minutes=9)}, "Google asked us to wait until"),
        ({"state": AccountState.REVOKED}, "connect the account again"),
    ],
)
def test_page_says_what_drive_waits_for(
    browser: Client, batch: InvitationBatch, fields: dict[str, Any], words: str
) -> None:
    now = clock.now()
    moved = {name: now + value if isinstance(value, timedelta) else value for name, value in fields.items()}
    account = ConnectedAccount.objects.create(
        organization_id=batch.organization_id,
        purpose="drive",
        email="drive@example.com",
        subject="1",
        **moved,
    )
    InvitationBatch.objects.filter(pk=batch.pk).update(storage="drive", account=account)
    html = shown(browser, page(batch))
    assert words in html
    assert "drive@example.com" in html


def test_buttons_do_what_they_say(browser: Client, batch: InvitationBatch) -> None:
    states = []
    for button in ("pause", "resume", "cancel"):
        said(browser, page(batch, "action", button))
        states.append(again(batch).state)
    assert states == ["paused", "running", "cancelled"]


def test_failed_ones_are_tried_again(browser: Client, batch: InvitationBatch) -> None:
    failed = invitation(batch, state="failed", error_code="quota", finished_at=clock.now())
    counted(batch, total_count=1, failed_count=1, is_fetched=True)
    assert "/do/retry_failed/" in shown(browser, page(batch))
    said(browser, page(batch, "action", "retry_failed"))
    assert again(failed).state == "pending"


@pytest.mark.parametrize("state", ["failed", "running"])
def test_fetching_that_failed_is_tried_again(browser: Client, batch: InvitationBatch, state: str) -> None:
    finished_at = clock.now() if state == "failed" else None
    counted(batch, state=state, fetch_error="No answer.", finished_at=finished_at)
    html = shown(browser, page(batch))
    assert "/do/retry_failed/" in html
    assert "could be fetched: No answer." in html
    assert "It is tried again" not in html
    said(browser, page(batch, "action", "retry_failed"))
    assert (again(batch).state, again(batch).fetch_error) == ("running", "")


def test_deleting_says_what_stays_at_drive(organization: Organization, batch: InvitationBatch) -> None:
    batches.cancel(batch)
    html = shown(signed_in(organization, Role.ADMIN), page(batch, "delete"))
    assert "on Google Drive" in html
    assert "Are you sure" in html


def test_report_is_a_job(browser: Client, batch: InvitationBatch) -> None:
    answer = browser.post(page(batch, "action", "report"))
    assert answer["Location"] == page(Job.objects.get())


def test_viewer_presses_no_button(viewer: Client, batch: InvitationBatch) -> None:
    one = invitation(batch, state="failed")
    addresses = [page(batch, "action", name) for name in ("pause", "cancel", "retry_failed")]
    addresses += [page(one, "action", name) for name in ("retry", "set_crop", "clear_crop", "keep_ours")]
    assert {each: viewer.post(each).status_code for each in addresses} == dict.fromkeys(addresses, 403)
    assert {each: viewer.get(each).status_code for each in addresses} == dict.fromkeys(addresses, 405)
    assert "/do/pause/" not in shown(viewer, page(batch))
    assert "data-crop" not in shown(viewer, page(one))


def test_batch_of_another_organization_is_not_there(
    browser: Client, other_organization: Organization
) -> None:
    theirs = made.batch(made.source(other_organization))
    card = invitation(theirs, name="Theirs")
    for address in (page(theirs), page(theirs, "cards"), page(card)):
        assert browser.get(address).status_code == 404
    assert browser.post(page(card, "action", "retry")).status_code == 404
    assert "Theirs" not in shown(browser, page(Invitation, "changelist"))


# Cards


def test_card_shows_its_steps_with_attempts_and_errors(browser: Client, batch: InvitationBatch) -> None:
    card = invitation(batch, state="failed", error_code="quota", error_detail="The Drive is full.")
    shared = {"organization_id": card.organization_id, "invitation": card}
    InvitationStep.objects.create(**shared, step=Step.PHOTO, state=StepState.DONE, ended_at=clock.now())
    InvitationStep.objects.create(
        **shared, step=Step.UPLOAD, state=StepState.FAILED, attempt_count=5, error_code="quota"
    )
    html = shown(browser, page(card))
    assert "5 attempts" in html
    assert "The Drive is full." in html
    assert html.count("Ahead") == 3


def with_photo(batch: InvitationBatch, **fields: Any) -> Invitation:
    """An invitation whose photo of 400 × 300 pixels was stored, with a face on it."""
    photo: dict[str, Any] = {
        "photo_uuid": "0b0f8f7e-3c5d-4c5b-9a49-0d9f0a6c1c11",
        "photo_width": 400,
        "photo_height": 300,
    }
    fields = {"state": InvitationState.DONE, "step": Step.NOTIFY, "finished_at": clock.now(), **fields}
    card = invitation(batch, face=[100, 50, 80, 80], **photo, **fields)
    counted(batch, total_count=1, done_count=1, is_fetched=True)
    return card


def test_crop_by_hand_is_kept_and_the_card_made_anew(browser: Client, batch: InvitationBatch) -> None:
    card = with_photo(batch)
    html = shown(browser, page(card))
    assert 'class="cb-face" x="100" y="50" width="80" height="80"' in html
    frame = {"x": "40.4", "y": "10", "width": "200", "height": "200"}
    said(browser, page(card, "action", "set_crop"), **frame)
    card = again(card)
    assert (card.crop, card.state, card.step) == ([40, 10, 200, 200], "pending", "render")
    said(browser, page(card, "action", "clear_crop"))
    assert again(card).crop is None


@pytest.mark.parametrize(
    "frame",
    [
        {"x": "300", "y": "0", "width": "200", "height": "200"},
        {"x": "nan", "y": "0", "width": "20", "height": "20"},
        {"x": "1e999", "y": "0", "width": "20", "height": "20"},
        {"x": "0", "y": "0", "width": "2", "height": "2"},
        {},
    ],
)
def test_crop_that_is_none_is_refused_in_words(
    browser: Client, batch: InvitationBatch, frame: dict[str, str]
) -> None:
    card = with_photo(batch)
    html = said(browser, page(card, "action", "set_crop"), **frame)
    assert "made anew" not in html
    assert (again(card).crop, again(card).state) == (None, "done")


@pytest.mark.parametrize(("button", "state"), [("keep_theirs", "done"), ("keep_ours", "pending")])
def test_conflict_is_shown_and_ended_by_a_person(
    browser: Client, batch: InvitationBatch, button: str, state: str
) -> None:
    links: dict[str, Any] = {
        "link": "https://ours.example.com/i/1",
        "found_link": "https://theirs.example.com/x",
    }
    card = invitation(batch, state="conflict", step="link", finished_at=clock.now(), **links)
    counted(batch, total_count=1, conflict_count=1)
    html = shown(browser, page(card))
    assert links["link"] in html
    assert links["found_link"] in html
    said(browser, page(card, "action", button))
    assert again(card).state == state


def test_failed_card_is_tried_again(browser: Client, batch: InvitationBatch) -> None:
    card = invitation(batch, state="failed", error_code="quota", finished_at=clock.now())
    counted(batch, total_count=1, failed_count=1)
    said(browser, page(card, "action", "retry"))
    assert again(card).state == "pending"


def test_links_of_strangers_are_words(browser: Client, batch: InvitationBatch) -> None:
    card = invitation(
        batch,
        name="<script>canary()</script>",
        state="conflict",
        found_link="javascript:canary()",
        link="https://ours.example.com/",
        finished_at=clock.now(),
    )
    html = shown(browser, page(card))
    assert "<script>canary" not in html
    assert 'href="javascript:' not in html
