"""Invitations in the browser: a sandbox, a layout beside its picture, a crop by hand, a batch that moves."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

SOURCES = "/admin/invitations/invitationsource/"
LAYOUTS = "/admin/invitations/invitationlayout/"
DEMO_BATCH = "/admin/invitations/invitationbatch/1/change/"
SLOW = 90_000

WIDER = """() => document.documentElement.scrollWidth <= window.innerWidth ? [] :
    [...document.querySelectorAll("main *, body *")].filter(
        (each) => each.getBoundingClientRect().right > window.innerWidth + 1
    ).map((each) => `${each.tagName}.${each.className}`).slice(0, 5)"""


def make_sandbox(page: Page) -> None:
    page.goto(SOURCES)
    page.get_by_role("button", name="Make a sandbox").click()
    page.wait_for_url("**/change/")


def pixel_of(picture: Locator, x: int, y: int) -> list[int]:
    """Return the colour of a picture's pixel: red, green, blue."""
    script = """async (image, [x, y]) => {
        await image.decode();
        const canvas = document.createElement("canvas");
        canvas.width = image.naturalWidth;
        canvas.height = image.naturalHeight;
        canvas.getContext("2d").drawImage(image, 0, 0);
        return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].slice(0, 3);
    }"""
    colour: list[int] = picture.evaluate(script, [x, y])
    return colour


def test_sandbox_is_made_checked_and_tried_on_five(page: Page) -> None:
    make_sandbox(page)
    page.get_by_role("button", name="Check connection").click()
    expect(page.get_by_role("heading", name="The connection works")).to_be_visible()
    page.get_by_label("Photo").select_option("photo")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/change/")
    page.get_by_role("button", name="Dry run on five").click()
    page.wait_for_url("**/invitationbatch/*/change/")
    # Nobody reloads: the page follows the batch.
    expect(page.locator("[data-part=batch]")).to_have_attribute("data-state", "completed", timeout=SLOW)
    expect(page.locator(".cb-tile img")).to_have_count(5)
    assert page.locator(".cb-tile img").first.evaluate(
        "image => image.decode().then(() => image.naturalWidth)"
    )


def test_batch_moves_while_it_is_watched_and_shows_one_state(page: Page) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    make_sandbox(page)
    page.get_by_role("button", name="Run now").click()
    page.wait_for_url("**/invitationbatch/*/change/")
    page.evaluate("window.isTheSamePage = true")
    expect(page.locator(".cb-tile").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".cb-tile img").first).to_be_visible(timeout=SLOW)
    assert page.evaluate("window.isTheSamePage")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".cb-waits")).to_contain_text("Paused")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("[data-part=batch]")).to_have_attribute("data-state", "cancelled")
    page.get_by_role("link", name=re.compile(r"^Cancelled \d+")).click()
    expect(page.locator(".cb-tile").first).to_contain_text("Cancelled")


def test_only_the_fields_that_a_kind_needs_are_shown(page: Page) -> None:
    page.goto(f"{SOURCES}add/")
    expect(page.locator("input[name=base_url]")).to_be_visible()
    expect(page.locator("input[name=client_id]")).to_be_hidden()
    page.select_option("select[name=auth]", "oauth2")
    expect(page.locator("input[name=client_id]")).to_be_visible()
    expect(page.locator("input[name=new_password]")).to_be_hidden()
    page.select_option("select[name=kind]", "file")
    expect(page.locator("input[name=base_url]")).to_be_hidden()
    expect(page.get_by_role("heading", name="Connection")).to_be_hidden()


def test_layout_is_drawn_beside_its_fields_and_its_json(page: Page) -> None:
    page.goto(f"{LAYOUTS}add/")
    preview, picture = page.locator("[data-preview]"), page.locator("[data-picture]")
    expect(preview).to_have_attribute("data-version", "1", timeout=SLOW)
    colour = page.locator('[data-path="background.color"] input[type=text]')
    colour.fill("#ff0000")
    expect(preview).to_have_attribute("data-version", "2", timeout=SLOW)
    red, green, blue = pixel_of(picture, 5, 5)
    assert red > 240
    assert max(green, blue) < 20
    # The JSON says the same, and what is typed there is in the fields.
    page.get_by_text("The same as JSON").click()
    document = page.locator("textarea[name=document]")
    expect(document).to_have_value(re.compile(r'"color": "#ff0000"'))
    document.fill('{"version": 1, "width": 300, "height": 200, "layers": []}')
    expect(page.locator('[data-path="width"] input')).to_have_value("300")
    expect(page.locator("[data-preview-state]")).to_contain_text("300 × 200", timeout=SLOW)
    page.get_by_role("button", name="Text", exact=True).click()
    expect(document).to_have_value(re.compile(r'"text": "\{\{contact.name\}\}"'))


def test_mistakes_of_a_layout_stand_at_their_field(page: Page) -> None:
    page.goto(f"{LAYOUTS}add/")
    width = page.locator('[data-path="width"]')
    width.locator("input").fill("0")
    expect(width.locator(".cb-field-problem")).to_be_visible(timeout=SLOW)
    width.locator("input").fill("1600")
    expect(width.locator(".cb-field-problem")).to_be_hidden(timeout=SLOW)
    page.get_by_text("The same as JSON").click()
    page.locator("textarea[name=document]").fill("{")
    expect(page.locator("[data-general]")).to_contain_text("not JSON")


def test_preview_shows_a_contact_of_a_source(page: Page) -> None:
    make_sandbox(page)
    page.goto(f"{LAYOUTS}add/")
    preview = page.locator("[data-preview]")
    expect(preview).to_have_attribute("data-version", "1", timeout=SLOW)
    page.locator("[data-source]").select_option(index=1)
    expect(preview).to_have_attribute("data-version", "2", timeout=SLOW)
    expect(page.locator("[data-contact] option")).to_have_count(20)


@pytest.mark.parametrize("width", [1280, 390])
def test_photo_is_cropped_by_hand(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    # The demo's own batch; its first contact has a photo.
    page.goto(f"{DEMO_BATCH}?only=done")
    page.locator(".cb-tile").first.click(timeout=SLOW)
    frame = page.locator("[data-photo] .cb-crop")
    frame.scroll_into_view_if_needed()
    assert page.evaluate(WIDER) == []
    before = [page.locator(f"[data-crop] input[name={name}]").input_value() for name in ("x", "y")]
    box = frame.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 15, middle[1] + 25, steps=4)
    page.mouse.up()
    moved = [page.locator(f"[data-crop] input[name={name}]").input_value() for name in ("x", "y")]
    assert moved != before
    frame.focus()
    page.keyboard.press("-")
    page.keyboard.press("ArrowUp")
    pressed = [page.locator(f"[data-crop] input[name={name}]").input_value() for name in ("y", "width")]
    page.get_by_role("button", name="Use this frame").click()
    expect(page.get_by_text("The card is made anew")).to_be_visible()
    kept = [page.locator(f"[data-crop] input[name={name}]").input_value() for name in ("y", "width")]
    assert kept == pressed


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_telephone(page: Page, scheme: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate(f"localStorage.setItem('_x_adminTheme', JSON.stringify('{scheme}'))")
    places = [SOURCES, f"{SOURCES}add/", LAYOUTS, f"{LAYOUTS}add/", "/admin/invitations/layoutasset/add/"]
    for place in [
        *places,
        "/admin/invitations/invitationbatch/",
        "/admin/invitations/invitationbatch/1/change/",
    ]:
        page.goto(place)
        assert page.evaluate(WIDER) == [], place
