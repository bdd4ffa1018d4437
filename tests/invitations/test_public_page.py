"""`/i/{uuid}`: the card for everybody who knows its name."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from chatboost.core import files
from chatboost.core.tenancy import activity
from invitations.models import Invitation
from invitations.services import batches, people
from teams.models import Organization
from tests.invitations import made, running

pytestmark = pytest.mark.django_db
HTML = "text/html,application/xhtml+xml,image/avif,image/webp,*/*;q=0.8"


@pytest.fixture
def card(organization: Organization, settings: Settings) -> Invitation:
    settings.PUBLIC_BASE_URL = "https://bot.example.com"
    batch = batches.start(batches.create(source=made.source(organization), is_fetched=True))
    people.add(batch, [made.person(1, phone="+15550001111")])
    (row,) = running.rows(batch)
    row.card_uuid = made.picture(organization, content=b"0123456789").uuid
    row.card_media_type, row.card_width, row.card_height = "image/jpeg", 1600, 2000
    row.save()
    return row


def get(path: str, accept: str = HTML, **headers: str) -> Any:
    return Client().get(path, HTTP_ACCEPT=accept, **headers)


def test_page_previews_the_card_in_chats(card: Invitation) -> None:
    answer = get(f"/i/{card.uuid}")
    page = answer.content.decode()
    image = f"https://bot.example.com/i/{card.uuid}/image?v={card.card_uuid.hex[:12]}"
    assert answer.status_code == 200
    for told in (
        f'property="og:image" content="{image}"',
        'property="og:image:width" content="1600"',
        'property="og:image:height" content="2000"',
        'property="og:title" content="Invitation from Acme"',
        'name="twitter:card" content="summary_large_image"',
        f'name="twitter:image" content="{image}"',
        'name="robots" content="noindex',
    ):
        assert told in page
    assert "noindex" in answer["X-Robots-Tag"]


def test_page_says_nothing_about_the_contact(card: Invitation) -> None:
    for path in (f"/i/{card.uuid}", f"/i/{card.uuid}/image"):
        answer = get(path)
        said = str(answer.headers) + str(getattr(answer, "content", b""))
        assert not any(word in said for word in ("Ada", "ada1@example.com", "+15550001111"))


@pytest.mark.parametrize("query", ["?fbclid=abc", "?utm_source=mail&utm_source=x", "?"])
def test_page_whatever_is_put_behind_its_address_is_served(card: Invitation, query: str) -> None:
    assert get(f"/i/{card.uuid}{query}").status_code == 200
    assert get(f"/i/{card.uuid}/{query}").status_code == 200


def test_page_gives_the_picture_to_who_wants_one(card: Invitation) -> None:
    answer = get(f"/i/{card.uuid}", accept="image/*")
    assert (answer["Content-Type"], b"".join(answer.streaming_content)) == ("image/jpeg", b"0123456789")
    assert "Accept" in answer["Vary"]


def test_image_is_kept_under_its_name_and_new_after_another_crop(
    card: Invitation, organization: Organization
) -> None:
    named = f"/i/{card.uuid}/image?v={card.card_uuid.hex[:12]}"
    answer = get(named)
    assert "immutable" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert get(named, HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304
    assert get(f"/i/{card.uuid}/image")["Cache-Control"] == "private, no-cache"
    Invitation.objects.update(card_uuid=made.picture(organization, content=b"another").uuid)
    again = get(named, HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (again.status_code, again["Cache-Control"]) == (200, "private, no-cache")
    assert b"".join(again.streaming_content) == b"another"


def test_image_comes_in_ranges(card: Invitation) -> None:
    answer = get(f"/i/{card.uuid}/image", HTTP_RANGE="bytes=2-4")
    assert (answer.status_code, b"".join(answer.streaming_content)) == (206, b"234")
    assert get(f"/i/{card.uuid}/image", HTTP_RANGE="bytes=50-").status_code == 416


def test_head_has_no_body(card: Invitation) -> None:
    answer = Client().head(f"/i/{card.uuid}/image")
    assert (answer.status_code, answer["Content-Length"]) == (200, "10")
    assert Client().head(f"/i/{card.uuid}").status_code == 200


def test_unknown_card_is_a_page_for_people_and_a_problem_for_programs(db: None) -> None:
    answer = get(f"/i/{uuid4()}")
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "noindex" in answer["X-Robots-Tag"]
    answer = get(f"/i/{uuid4()}/image")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_card_whose_file_is_gone_is_not_found(card: Invitation) -> None:
    files.give_up([card.card_uuid])
    assert get(f"/i/{card.uuid}").status_code == 404


@pytest.mark.parametrize("fields", [{"is_dry_run": True}, {"card_uuid": None}])
def test_card_that_nobody_is_sent_is_not_found(card: Invitation, fields: dict[str, Any]) -> None:
    Invitation.objects.update(**fields)
    assert get(f"/i/{card.uuid}").status_code == 404
    assert get(f"/i/{card.uuid}/image").status_code == 404


def test_card_of_an_organization_that_is_off_is_not_found(
    card: Invitation, organization: Organization
) -> None:
    Organization.objects.filter(pk=organization.pk).update(is_active=False)
    assert activity.inactive({organization.pk})
    assert get(f"/i/{card.uuid}").status_code == 404


def test_nobody_changes_anything_there(card: Invitation) -> None:
    for method in ("post", "put", "patch", "delete"):
        assert getattr(Client(), method)(f"/i/{card.uuid}").status_code == 405
