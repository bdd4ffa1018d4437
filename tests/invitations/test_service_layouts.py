"""Layouts, their assets, and previews: with the real renderer."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pytest_django import Settings

from chatboost.core import clock
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.core.models import File
from invitations import rendering
from invitations.errors import AssetRefused, LayoutRefused, NotNow
from invitations.models import InvitationLayout, LayoutAsset
from invitations.services import assets, batches, layouts, previews
from teams.models import Organization
from tests.invitations import made, running

pytestmark = pytest.mark.django_db(transaction=True)


def picture(colour: str = "navy", size: tuple[int, int] = (320, 400)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, "PNG")
    return content.getvalue()


def document(**fields: Any) -> dict[str, Any]:
    text = {"type": "text", "x": 10, "y": 300, "width": 300, "height": 80, "text": "{{contact.name}}"}
    return {"version": 1, "width": 320, "height": 400, "format": "png", "layers": [text], **fields}


def test_create_saves_the_first_version_and_the_same_again_none(organization: Organization) -> None:
    layout = layouts.create(organization=organization, name="Gala", document=document())
    assert layouts.save_version(layout, document=document()).number == 1
    assert layouts.save_version(layout, document=document(width=321)).number == 2
    layout.refresh_from_db()
    assert layout.version_count == 2
    with pytest.raises(Conflict) as refusal:
        layouts.create(organization=organization, name="Gala", document=document())
    assert refusal.value.code == "layout_exists"


def test_create_document_with_mistakes_names_each(organization: Organization) -> None:
    bad = document(width=0, background={"picture": "nowhere"})
    with pytest.raises(LayoutRefused) as refusal:
        layouts.create(organization=organization, name="Gala", document=bad)
    assert "document.width" in refusal.value.errors
    with pytest.raises(LayoutRefused) as refusal:
        layouts.create(
            organization=organization, name="Gala", document=document(background={"picture": "nowhere"})
        )
    assert refusal.value.errors == {"document.pictures.nowhere": ["There is no picture nowhere."]}
    assert not InvitationLayout.objects.exists()


def test_version_keeps_the_picture_of_then(organization: Organization) -> None:
    first = assets.add(organization=organization, name="sky", kind="picture", content=picture())
    layout = layouts.create(
        organization=organization, name="Gala", document=document(background={"picture": "sky"})
    )
    second = assets.add(organization=organization, name="sky", kind="picture", content=picture("red"))
    assert (first.pk, LayoutAsset.objects.count()) == (second.pk, 1)
    old = layout.versions.get()
    assert old.assets == {"sky": str(first.file_uuid)}
    assert File.objects.get(uuid=first.file_uuid).expires_at is None
    assert layouts.save_version(layout, document=old.document).assets == {"sky": str(second.file_uuid)}
    third = assets.add(organization=organization, name="sky", kind="picture", content=picture("green"))
    assets.delete(third)
    assert File.objects.get(uuid=third.file_uuid).expires_at <= clock.now()
    assert File.objects.get(uuid=second.file_uuid).expires_at is None


@pytest.mark.parametrize(
    ("kind", "content"), [("picture", b"<svg onload=alert(1)>"), ("font", b"no font"), ("picture", b"")]
)
def test_add_what_is_none_is_refused_and_leaves_no_file(
    organization: Organization, kind: str, content: bytes
) -> None:
    with pytest.raises(AssetRefused):
        assets.add(organization=organization, name="x", kind=kind, content=content)
    assert not File.objects.exists()


def test_add_name_of_a_font_of_ours_is_refused(organization: Organization) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        assets.add(
            organization=organization, name=rendering.font_families()[0], kind="picture", content=picture()
        )
    assert refusal.value.code == "invalid_name"


def test_delete_layout_that_is_used_is_refused(organization: Organization) -> None:
    layout = layouts.create(organization=organization, name="Gala", document=document())
    batches.create(source=made.source(organization), layout=layout)
    with pytest.raises(NotNow) as refusal:
        layouts.delete(layout)
    assert refusal.value.code == "in_use"


def test_latest_without_a_layout_makes_the_first_one_once(organization: Organization) -> None:
    version = layouts.latest(organization, None)
    assert version.document == rendering.default_document()
    assert layouts.latest(organization, None) == version
    assert InvitationLayout.objects.get().name == layouts.FIRST_NAME


def test_latest_first_one_is_drawn_upon_the_template(
    organization: Organization, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "template.png"
    path.write_bytes(picture())
    settings.INVITATION_TEMPLATE = str(path)
    version = layouts.latest(organization, None)
    assert version.document["background"]["picture"] == "template"
    assert list(version.assets) == ["template"]


def test_latest_template_that_can_not_be_used_is_said(organization: Organization, settings: Settings) -> None:
    settings.INVITATION_TEMPLATE = "/nowhere/template.png"
    with pytest.raises(NotNow) as refusal:
        layouts.latest(organization, None)
    assert refusal.value.code == "template_unusable"


def test_preview_draws_a_document_for_somebody_made_up(organization: Organization) -> None:
    drawn = previews.draw(previews.Subject(organization=organization, document=document()))
    image = Image.open(io.BytesIO(drawn.content))
    assert (image.format, image.size, drawn.media_type) == ("PNG", (320, 400), "image/png")
    assert drawn.warnings == []


def test_preview_draws_a_version_with_its_assets_for_a_contact(organization: Organization) -> None:
    assets.add(organization=organization, name="sky", kind="picture", content=picture())
    text = "{{contact.city}} {{contact.nothing}}"
    layers = [{"type": "text", "x": 10, "y": 10, "width": 300, "height": 90, "text": text}]
    layout = layouts.create(
        organization=organization,
        name="Gala",
        document=document(background={"picture": "sky"}, layers=layers),
    )
    source = running.sandbox(organization)
    drawn = previews.draw(
        previews.Subject(
            organization=organization, version=layout.versions.get(), source=source, external_id="3"
        )
    )
    assert drawn.warnings == ["Without a value: contact.nothing"]
    shown: Any = Image.open(io.BytesIO(drawn.content)).convert("RGB").getpixel((5, 395))
    assert all(abs(one - other) < 4 for one, other in zip(shown, (0, 0, 128), strict=True))


def test_preview_contact_that_is_not_there_is_refused(organization: Organization) -> None:
    source = running.sandbox(organization)
    subject = previews.Subject(
        organization=organization, document=document(), source=source, external_id="999"
    )
    with pytest.raises(Conflict) as refusal:
        previews.draw(subject)
    assert refusal.value.code == "gone"


def test_preview_over_the_api_is_a_picture_with_warnings(api: Any, organization: Organization) -> None:
    layout = layouts.create(organization=organization, name="Gala", document=document())
    answer = api.post(f"/invitations/layouts/{layout.pk}/preview", {}, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert answer["X-Card-Warnings"] == "[]"
    bad = {"document": document(width=-1)}
    answer = api.post(f"/invitations/layouts/{layout.pk}/preview", bad, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_layout")


def test_assets_over_the_api_are_taken_shown_and_removed(api: Any, organization: Organization) -> None:
    file = io.BytesIO(picture())
    file.name = "sky.png"
    answer = api.post(
        "/invitations/assets/", {"file": file, "name": "sky", "kind": "picture"}, format="multipart"
    )
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert (shown["width"], shown["height"]) == (320, 400)
    path = shown["url"].partition("/invitations")
    assert api.get("".join(path[1:])).status_code == 200
    assert api.delete(f"/invitations/assets/{shown['id']}").status_code == 204
