"""Compression in the browser: a table is dropped, the page moves by itself, before stands beside after."""

import base64

import pytest
from playwright.sync_api import Page, expect

from tests.compression.batches import products, table
from tests.fakes.images import ImageHost

pytestmark = pytest.mark.browser

UPLOAD = "/admin/compression/compressionrequest/upload/"
DROP = """([name, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: "text/csv" }));
    window.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, cancelable: true, bubbles: true }));
}"""

WIDER = """() => document.documentElement.scrollWidth <= window.innerWidth ? [] :
    [...document.querySelectorAll("main *, body *")].filter(
        (each) => each.getBoundingClientRect().right > window.innerWidth + 1
    ).map((each) => `${each.tagName}.${each.className}`).slice(0, 5)"""


def drop(page: Page, name: str, content: bytes) -> None:
    page.goto(UPLOAD)
    page.evaluate(DROP, [name, base64.b64encode(content).decode()])
    expect(page.locator("[data-drop-file]")).to_contain_text(name)


@pytest.mark.parametrize("width", [1280, 390])
def test_dropped_table_is_compressed_while_the_page_is_watched(
    page: Page, image_host: ImageHost, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    urls = [image_host.address(f"ok/{width}{number}.jpg") for number in range(6)]
    drop(page, f"shop-{width}.csv", products(*urls, image_host.address("missing/1.jpg")).getvalue())
    page.get_by_role("button", name="Compress", exact=True).click()
    page.wait_for_url("**/change/")
    expect(page.locator("[data-part=batch]")).to_have_attribute("data-state", "partial", timeout=60_000)
    expect(page.locator(".cb-thumbnail img")).to_have_count(6)
    expect(page.get_by_text("not_found")).to_be_visible()
    # Nothing is cut off at the side.
    assert page.evaluate(WIDER) == []
    page.locator(".cb-thumbnail a").first.click()
    expect(page.locator(".cb-side img")).to_have_count(2)
    for picture in page.locator(".cb-side img").all():
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 640


def test_table_with_errors_says_them_row_by_row(page: Page) -> None:
    drop(page, "bad.csv", table([("1", "Mug", "nowhere")]).getvalue())
    page.get_by_role("button", name="Compress", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Row 2")


def test_only_the_field_that_the_way_needs_is_shown(page: Page) -> None:
    page.goto(UPLOAD)
    expect(page.locator("input[name=quality]")).to_be_visible()
    expect(page.locator("input[name=percent]")).to_be_hidden()
    page.select_option("select[name=mode]", "bytes")
    expect(page.locator("input[name=percent]")).to_be_visible()
    expect(page.locator("input[name=quality]")).to_be_hidden()
