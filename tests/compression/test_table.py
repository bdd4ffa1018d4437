"""The table: columns by any spelling, URLs with commas, every error with its row."""

import io
from collections.abc import Sequence

import pytest
from openpyxl import Workbook
from pytest_django import Settings

from chatboost.core.errors import DomainError
from chatboost.core.exchange.errors import FileRefused, FileTooLarge
from compression import table
from compression.errors import TableRefused
from tests.compression import batches
from tests.core import corpus_exchange
from tests.core.corpus_exchange import Case

URL = "https://example.com/a.jpg"


def read(content: str | bytes) -> list[table.Row]:
    return table.read(io.BytesIO(content.encode() if isinstance(content, str) else content))


def refused(*rows: Sequence[str]) -> TableRefused:
    with pytest.raises(TableRefused) as caught:
        table.read(batches.table(rows))
    return caught.value


def test_row_has_its_number_serial_name_and_urls() -> None:
    rows = table.read(batches.table([("1", "Mug", f"{URL}, https://example.com/b.png")]))
    assert rows == [table.Row(2, "1", "Mug", (URL, "https://example.com/b.png"))]


@pytest.mark.parametrize(
    "headings",
    [
        ("S. No.", "Product Name", "Input Image Urls"),
        ("Serial Number", "Product", "Image URLs"),
        ("serial_no", "PRODUCT_NAME", "input_urls"),
        ("Sr No", "Item", "Images"),
        ("#", "Name", "URL"),
        ("Sl. No", "product-name", "Input  Image  URL(s)"),
    ],
)
def test_headings_are_found_however_they_are_spelled(headings: Sequence[str]) -> None:
    assert table.read(batches.table([("1", "Mug", URL)], headings))[0].name == "Mug"


def test_columns_come_in_any_order_beside_others() -> None:
    rows = read(f"Note,Image URLs,Product Name,Price,S. No.\nx,{URL},Mug,3,7\n")
    assert (rows[0].serial_number, rows[0].name, rows[0].urls) == ("7", "Mug", (URL,))


def test_missing_column_is_named_with_what_is_there() -> None:
    with pytest.raises(TableRefused) as caught:
        read("Serial Number,Picture Of\n1,https://example.com/a.jpg\n")
    assert caught.value.code == "missing_column"
    assert caught.value.errors == {
        "row 1": ["There is no column “product name”.", "There is no column “input image urls”."]
    }


@pytest.mark.parametrize(
    ("cell", "urls"),
    [
        (f"{URL},{URL}?v=2", [URL, f"{URL}?v=2"]),
        (f"{URL} ,\n {URL}?v=2 ,", [URL, f"{URL}?v=2"]),
        (f"{URL};{URL}?v=2", [URL, f"{URL}?v=2"]),
        (f"{URL} {URL}?v=2", [URL, f"{URL}?v=2"]),
        (
            "https://img.example.com/w_300,h_200/a.jpg, https://example.com/b.jpg",
            ["https://img.example.com/w_300,h_200/a.jpg", "https://example.com/b.jpg"],
        ),
        (f'"{URL}"', [URL]),
        (" , ,", []),
    ],
)
def test_urls_are_parted_where_another_one_begins(cell: str, urls: list[str]) -> None:
    assert table.split_urls(cell) == urls


def test_every_error_is_said_with_its_row() -> None:
    error = refused(
        ("1", "Mug", URL), ("", "Lamp", URL), ("3", "", "ftp://example.com/a.jpg"), ("4", "Bowl", "")
    )
    assert error.errors == {
        "row 3": ["The serial number is missing."],
        "row 4": ["The product name is missing.", "“ftp://example.com/a.jpg” is no http or https URL."],
        "row 5": ["There is no image URL."],
    }
    assert error.message.startswith("4 errors in the table; nothing was stored. Row 3:")


@pytest.mark.parametrize(
    "url",
    ["example.com/a.jpg", "//example.com/a.jpg", "javascript:alert(1)", "https://", "https://a b.example/x"],
)
def test_text_that_is_no_url_is_refused(url: str) -> None:
    assert list(refused(("1", "Mug", url)).errors) == ["row 2"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a.jpg", "http://0x7f.1/", "http://user:pass@example.com/a"]
)
def test_place_that_may_not_be_called_is_no_matter_of_the_table(url: str) -> None:
    assert table.problem_of(url) == ""


def test_url_longer_than_its_column_is_refused() -> None:
    error = refused(("1", "Mug", f"{URL}?{'x' * table.MAX_URL}"))
    assert "is longer than 2048 characters" in error.errors["row 2"][0]


def test_row_numbers_are_those_of_the_spreadsheet_whatever_is_blank() -> None:
    error = refused(("1", "Mug", URL), ("", "", ""), ("3", "Bowl", "nowhere"))
    assert list(error.errors) == ["row 4"]


def test_more_errors_than_anybody_reads_are_counted() -> None:
    error = refused(*[(str(number), "Mug", "nowhere") for number in range(table.MAX_ERRORS + 5)])
    assert error.errors["more"] == ["5 more errors."]
    assert len(error.errors) == table.MAX_ERRORS + 1


def test_table_without_rows_is_refused() -> None:
    assert refused().code == "no_rows"


def test_too_many_images_are_refused(settings: Settings) -> None:
    settings.COMPRESSION_MAX_IMAGES = 3
    assert refused(("1", "Mug", f"{URL},{URL}"), ("2", "Lamp", f"{URL},{URL}")).code == "too_many_images"


def test_too_many_rows_are_refused(settings: Settings) -> None:
    settings.COMPRESSION_MAX_ROWS = 2
    with pytest.raises(FileRefused) as caught:
        table.read(batches.table([(str(number), "Mug", URL) for number in range(3)]))
    assert caught.value.code == "too_many_rows"


def test_file_that_is_too_large_is_refused_with_its_own_limit(settings: Settings) -> None:
    settings.COMPRESSION_MAX_BYTES = 2 * 1024 * 1024
    with pytest.raises(FileTooLarge, match="larger than 2 MiB"):
        read(b"x" * (2 * 1024 * 1024 + 1))


def test_excel_is_read_with_numbers_as_text() -> None:
    book = Workbook()
    book.active.append(["S. No.", "Product Name", "Input Image Urls"])
    book.active.append([1, "Mug", URL])
    stream = io.BytesIO()
    book.save(stream)
    assert table.read(stream) == [table.Row(2, "1", "Mug", (URL,))]


def test_western_encoding_and_semicolons_are_found() -> None:
    rows = read(f"Nr;Name;Bilder\n1;Käse;{URL}\n".replace("Bilder", "Images").encode("cp1252"))
    assert rows[0].name == "Käse"


@pytest.mark.parametrize("case", corpus_exchange.CASES, ids=lambda case: case.name)
def test_hostile_file_is_refused_with_its_reason(case: Case) -> None:
    with pytest.raises(DomainError) as caught:
        read(case.make())
    # What imports read has columns of contacts, or is no table of ours at all.
    others = {"missing_column", "unsupported_format"}
    assert caught.value.code in {*case.refused.split("|"), *others} - {""}


def test_json_is_no_table_here() -> None:
    with pytest.raises(FileRefused) as caught:
        read('[{"S. No.": "1", "Product Name": "Mug", "Input Image Urls": "https://example.com/a.jpg"}]')
    assert caught.value.code == "unsupported_format"
