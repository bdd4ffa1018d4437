"""Layouts in the console: edited, previewed, versioned; and the pictures and fonts that they use."""

import base64
import io
import json
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from invitations.models import InvitationLayout, InvitationSource, LayoutAsset, LayoutVersion
from invitations.rendering import default_document, font_families
from invitations.services import layouts, sources
from teams.models import Organization
from teams.roles import Role
from tests.invitations.console import page, said, shown, signed_in

pytestmark = pytest.mark.django_db

TEXT = {
    "type": "text",
    "name": "who",
    "x": 10,
    "y": 10,
    "width": 180,
    "height": 60,
    "text": "{{contact.name}}",
}
DOCUMENT: dict[str, Any] = {"version": 1, "width": 200, "height": 100, "layers": [TEXT]}


@pytest.fixture(autouse=True)
def _nothing_drawn() -> None:
    cache.clear()


@pytest.fixture
def browser(organization: Organization) -> Client:
    return signed_in(organization, Role.EDITOR)


@pytest.fixture
def viewer(organization: Organization) -> Client:
    return signed_in(organization, Role.VIEWER)


@pytest.fixture
def layout(organization: Organization) -> InvitationLayout:
    return layouts.create(organization=organization, name="Summer", document=DOCUMENT)


@pytest.fixture
def sandbox(organization: Organization) -> InvitationSource:
    return sources.create(organization=organization, kind="sandbox", name="Sandbox")


def picture(width: int = 60, height: int = 40, color: str = "#0f766e") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), color).save(content, "PNG")
    return content.getvalue()


def newest(layout: InvitationLayout) -> LayoutVersion:
    return LayoutVersion.objects.filter(layout=layout).latest("number")


def preview(browser: Client, document: Any = DOCUMENT, **fields: Any) -> dict[str, Any]:
    """Return what the editor is told of a document."""
    text = document if isinstance(document, str) else json.dumps(document)
    answer = browser.post(page(InvitationLayout, "preview"), {"document": text, **fields})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


# Edited


def test_new_layout_begins_with_the_one_that_comes_with_us(browser: Client) -> None:
    form = browser.get(page(InvitationLayout, "add")).context["adminform"].form
    document = json.loads(form["document"].value())
    assert document == default_document()
    answer = browser.post(page(InvitationLayout, "add"), {"name": "Mine", "document": json.dumps(document)})
    assert answer.status_code == 302
    assert newest(InvitationLayout.objects.get()).document == default_document()


def test_saved_layout_is_a_new_version_and_the_same_one_is_none(
    browser: Client, layout: InvitationLayout
) -> None:
    for width in (300, 300):
        document = json.dumps({**DOCUMENT, "width": width})
        assert browser.post(page(layout), {"name": "Summer", "document": document}).status_code == 302
    assert newest(layout).number == 2
    assert newest(layout).document["width"] == 300


def test_what_is_wrong_with_a_document_is_said_by_its_path(browser: Client, layout: InvitationLayout) -> None:
    broken = {**DOCUMENT, "layers": [{**TEXT, "width": 0}]}
    answer = browser.post(page(layout), {"name": "Summer", "document": json.dumps(broken)})
    assert "layers.0.width" in str(answer.context["adminform"].form.errors)
    assert newest(layout).number == 1


def test_version_is_restored_as_a_new_one(browser: Client, layout: InvitationLayout) -> None:
    first = newest(layout)
    layouts.save_version(layout, document={**DOCUMENT, "width": 300})
    assert page(first, "action", "restore") in shown(browser, page(layout))
    said(browser, page(first, "action", "restore"))
    assert (newest(layout).number, newest(layout).document) == (3, DOCUMENT)


def test_layout_in_use_is_kept_with_a_reason(
    browser: Client, layout: InvitationLayout, sandbox: InvitationSource
) -> None:
    sources.change(sandbox, layout=layout)
    html = said(browser, page(layout, "delete"), post="yes")
    assert "use this layout" in html
    assert InvitationLayout.objects.exists()


def test_viewer_sees_a_layout_and_changes_nothing(viewer: Client, layout: InvitationLayout) -> None:
    html = shown(viewer, page(layout))
    assert "{{contact.name}}" in html
    assert "data-layout" not in html
    assert viewer.post(page(layout), {"name": "X", "document": "{}"}).status_code == 403
    for name in ("preview", "contacts"):
        assert viewer.post(page(InvitationLayout, name)).status_code == 403
    assert viewer.post(page(newest(layout), "action", "restore")).status_code == 403


def test_editor_knows_kinds_defaults_and_what_there_is(browser: Client, layout: InvitationLayout) -> None:
    context = browser.get(page(layout)).context
    rules, offered = json.loads(context["layout_schema"]), json.loads(context["layout_offered"])
    assert {"photo", "text", "qr", "picture"} <= rules["layers"].keys()
    assert rules["layers"]["text"]["properties"]["align"]["default"] == "center"
    assert rules["layers"]["text"]["properties"]["color"]["default"] == "#000000"
    assert [name for name, _ in offered["fonts"]] == font_families()


# Previewed


def test_preview_is_a_picture_of_what_was_typed(browser: Client) -> None:
    told = preview(browser)
    head, _, content = told["image"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (200, 100)
    assert (told["width"], told["height"], told["warnings"]) == (200, 100, [])
    assert preview(browser, contact="urdu")["image"] != told["image"]


def test_preview_names_each_problem_with_its_path(browser: Client) -> None:
    told = preview(browser, {**DOCUMENT, "width": "wide", "layers": [{**TEXT, "size": 9999}]})
    assert {path for path, _ in told["problems"]} == {"width", "layers.0.size"}
    assert "image" not in told


@pytest.mark.parametrize("text", ["{", "", "[" * 50_000, "x" * 300_000, "null", "[]"])
def test_preview_of_what_is_no_layout_says_so(browser: Client, text: str) -> None:
    told = preview(browser, text)
    assert told["problems"][0][0] == ""
    assert told["problems"][0][1]


def test_preview_warns_of_cut_texts_and_missing_values(browser: Client) -> None:
    long = {**TEXT, "text": "word " * 80, "max_lines": 1}
    none = {**TEXT, "name": "shop", "text": "{{contact.shoe_size}}"}
    warnings = " ".join(preview(browser, {**DOCUMENT, "layers": [long, none]})["warnings"])
    assert "who" in warnings
    assert "contact.shoe_size" in warnings


def test_preview_shows_a_real_contact_of_a_source(browser: Client, sandbox: InvitationSource) -> None:
    answer = browser.post(page(InvitationLayout, "contacts"), {"source": sandbox.pk})
    contacts = answer.json()["contacts"]
    assert len(contacts) == 20
    told = preview(browser, source=sandbox.pk, contact=contacts[0][0])
    assert "image" in told
    assert told["image"] != preview(browser)["image"]


def test_preview_of_a_foreign_source_is_refused(browser: Client, other_organization: Organization) -> None:
    theirs = sources.create(organization=other_organization, kind="sandbox", name="Theirs")
    assert "problem" in preview(browser, source=theirs.pk)
    answer = browser.post(page(InvitationLayout, "contacts"), {"source": theirs.pk})
    assert answer.json() == {"contacts": [], "problem": "No such source."}


def test_preview_takes_posts_only(browser: Client) -> None:
    assert browser.get(page(InvitationLayout, "preview")).status_code == 405
    assert browser.get(page(InvitationLayout, "contacts")).status_code == 405


# Lists


def test_list_shows_each_layout_without_further_questions(
    browser: Client, organization: Organization
) -> None:
    counts = []
    for round_ in range(2):
        for number in range(2):
            layouts.create(organization=organization, name=f"{round_} {number}", document=DOCUMENT)
        with CaptureQueriesContext(connection) as asked:
            html = shown(browser, page(InvitationLayout, "changelist"))
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert html.count("/picture/") == 4


def test_picture_of_a_version_is_drawn_once_and_kept_by_the_browser(
    viewer: Client, layout: InvitationLayout
) -> None:
    address = page(layout, "picture", newest(layout).uuid)
    answer = viewer.get(address)
    assert answer["Content-Type"] == "image/jpeg"
    assert "immutable" in answer["Cache-Control"]
    assert Image.open(io.BytesIO(answer.content)).size == (200, 100)
    assert viewer.get(address).content == answer.content


def test_picture_that_cannot_be_drawn_is_a_sign(viewer: Client, layout: InvitationLayout) -> None:
    LayoutVersion.objects.filter(layout=layout).update(document={"version": 1})
    answer = viewer.get(page(layout, "picture", newest(layout).uuid))
    assert answer["Location"].endswith("no-picture.svg")


def test_picture_of_another_layout_or_organization_is_not_there(
    browser: Client, layout: InvitationLayout, other_organization: Organization
) -> None:
    theirs = layouts.create(organization=other_organization, name="Theirs", document=DOCUMENT)
    assert browser.get(page(layout, "picture", newest(theirs).uuid)).status_code == 404
    assert browser.get(page(theirs, "picture", newest(theirs).uuid)).status_code == 404
    assert browser.get(page(theirs)).status_code == 404


# Pictures and fonts


@pytest.mark.django_db(transaction=True)
def test_picture_is_handed_in_seen_used_and_removed(browser: Client, layout: InvitationLayout) -> None:
    file = SimpleUploadedFile("sea side.png", picture())
    html = said(browser, page(LayoutAsset, "add"), file=file, name="")
    asset = LayoutAsset.objects.get()
    assert (asset.name, asset.kind, asset.width, asset.height) == ("sea side", "picture", 60, 40)
    looks = page(InvitationLayout, "looks", asset.pk)
    assert looks in html
    assert looks in shown(browser, page(LayoutAsset, "changelist"))
    assert Image.open(io.BytesIO(browser.get(looks).content)).size == (60, 40)
    on_it = {**DOCUMENT, "background": {"picture": "sea side"}}
    assert "image" in preview(browser, on_it)
    said(browser, page(asset, "delete"), post="yes")
    assert not LayoutAsset.objects.exists()
    assert preview(browser, on_it)["problems"]


@pytest.mark.django_db(transaction=True)
def test_file_that_is_neither_picture_nor_font_is_refused_at_its_field(browser: Client) -> None:
    for name in ("words.png", "words.ttf"):
        answer = browser.post(page(LayoutAsset, "add"), {"file": SimpleUploadedFile(name, b"words" * 20)})
        assert answer.status_code == 400
        assert answer.context["form"].errors.keys() == {"file"}
    assert not LayoutAsset.objects.exists()


def test_viewer_hands_nothing_in(viewer: Client) -> None:
    file = SimpleUploadedFile("a.png", picture())
    assert viewer.post(page(LayoutAsset, "add"), {"file": file}).status_code == 403
    assert viewer.get(page(LayoutAsset, "add")).status_code == 403
