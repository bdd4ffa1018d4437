"""Files of any kind and intent: each is read, or refused with a reason, and nothing else happens."""

import io

import pytest

from chatboost.core.exchange import reading, staging
from chatboost.core.exchange.errors import FileRefused
from chatboost.messaging.exchange.contacts import ContactResource
from tests.core import corpus_exchange
from tests.core.corpus_exchange import Case


def outcome(content: bytes, options: staging.Options | None = None) -> tuple[str, int, int]:
    """Read and clean a file to its end."""
    try:
        cleaning = staging.Cleaning(ContactResource(0), io.BytesIO(content), options or staging.Options())
        for _ in cleaning.chunks():
            pass
    except FileRefused as refusal:
        return refusal.code, 0, 0
    return "", cleaning.good, cleaning.rejected


@pytest.mark.parametrize("case", corpus_exchange.CASES, ids=lambda case: case.name)
def test_file_is_read_or_refused(case: Case) -> None:
    code, good, rejected = outcome(case.make())
    assert code in case.refused.split("|")
    assert (good, rejected) == (case.good, case.rejected)


def test_corpus_is_large_enough() -> None:
    assert len(corpus_exchange.CASES) >= 60
    assert len({case.name for case in corpus_exchange.CASES}) == len(corpus_exchange.CASES)


def rows(content: bytes, **options: str) -> list[dict[str, str]]:
    return [
        dict(zip(batch.columns, row, strict=True))
        for batch in reading.open_table(io.BytesIO(content), **options).batches
        for row in batch.rows
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("phone,name\n1,Jürgen Müller\n".encode("cp1252"), "Jürgen Müller"),
        ("phone,name\n1,Jürgen\n".encode("utf-16-be"), "Jürgen"),
        (b'phone;name\n1;"a,b"\n', "a,b"),
        (b'phone,name\n1,"a\r\nb"\n', "a\r\nb"),
        ("phone,name\n1,محمد علي بن عبد الله\n".encode(), "محمد علي بن عبد الله"),
        (
            ("phone,name\n1," + "здравствуйте, как ваши дела сегодня".replace(",", "") + "\n").encode(
                "cp1251"
            ),
            "здравствуйте как ваши дела сегодня",
        ),
    ],
)
def test_letters_and_cells_are_what_was_meant(content: bytes, expected: str) -> None:
    assert rows(content)[0]["name"] == expected


def test_given_charset_and_delimiter_are_not_guessed() -> None:
    content = "phone|name\n1|ž,z\n".encode("cp1250")
    assert rows(content, charset="cp1250", delimiter="|") == [{"phone": "1", "name": "ž,z"}]
    with pytest.raises(FileRefused) as caught:
        rows(content, charset="utf-8")
    assert caught.value.code == "wrong_charset"


@pytest.mark.parametrize("name", ["rot13", "zip", "no-such", "utf-8\x00", "../etc", "x" * 200])
def test_charset_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(FileRefused) as caught:
        rows(b"phone\n1\n", charset=name)
    assert caught.value.code == "unknown_charset"


@pytest.mark.parametrize("name", ["utf-16", "utf-32", "undefined", "idna", "punycode", "utf-7", "hz"])
@pytest.mark.parametrize("content", ["phone,näme\n1,ä\n", '[{"phone": "ä"}]', '{"phone": "ä"}\n'])
def test_charset_of_something_else_is_refused(name: str, content: str) -> None:
    with pytest.raises(FileRefused) as caught:
        rows(content.encode(), charset=name)
    assert caught.value.code == "wrong_charset"


@pytest.mark.parametrize("depth", range(900, 1000))
def test_value_of_any_depth_is_read_or_refused(depth: int) -> None:
    nested = f'{{"x": {"[" * depth}{"]" * depth}}}'
    for content in (nested, f"[{nested}]"):
        assert outcome(content.encode()) in (("", 0, 1), ("malformed_json", 0, 0))


@pytest.mark.parametrize(
    ("content", "is_quick"),
    [
        (corpus_exchange.xlsx(corpus_exchange.sheet(corpus_exchange.row("<c/>" * 100))), True),
        (corpus_exchange.crowded(2_100_000), False),
        (b"PK\x03\x04 and no more", True),
        (b"phone\n" * 1000, True),
    ],
    ids=["sheet", "unpacks to megabytes", "damaged", "text"],
)
def test_preview_is_quick_by_what_a_file_unpacks_to(content: bytes, is_quick: bool) -> None:
    stream = io.BytesIO(content)
    assert (reading.is_quick(stream), stream.tell()) == (is_quick, 0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<row>" + "<c/>" * 9_999 + "</row>", "unsafe_xml"),
        ("<row/>" * 1000, "too_many_rows"),
        ("<row> </row>" + " " * 400_000, "unsafe_archive"),
    ],
    ids=["cells", "rows", "bytes"],
)
def test_empty_cells_are_counted_for_whoever_waits(body: str, code: str) -> None:
    content = io.BytesIO(corpus_exchange.xlsx(corpus_exchange.sheet(body * 300)))
    with pytest.raises(FileRefused) as caught:
        list(reading.open_table(content, max_bytes=10 * 1024 * 1024, max_rows=100).batches)
    assert caught.value.code == code


def test_numbers_of_rows_are_those_of_the_spreadsheet() -> None:
    (batch,) = reading.open_table(io.BytesIO(b'\nphone,note\n1,"a\nb"\n\n2,c\n')).batches
    assert batch.numbers == [3, 5]


def test_numbers_of_rows_in_xlsx_are_its_own() -> None:
    content = corpus_exchange.xlsx(
        corpus_exchange.sheet(
            corpus_exchange.row(corpus_exchange.inline("phone"), number=3),
            corpus_exchange.row(corpus_exchange.inline("1"), number=7),
        )
    )
    (batch,) = reading.open_table(io.BytesIO(content)).batches
    assert batch.numbers == [7]


def test_xlsx_cells_are_read_as_texts() -> None:
    (case,) = [case for case in corpus_exchange.CASES if case.name == "numbers, truths, dates"]
    assert rows(case.make()) == [
        {"phone": "15550001111", "age:number": "36.5", "ok:boolean": "true", "born:date": "2023-03-15"},
        {"phone": "15550002222", "age:number": "#N/A", "ok:boolean": "", "born:date": ""},
    ]


def test_rows_beyond_the_limit_are_refused(settings: object) -> None:
    settings.IMPORT_MAX_ROWS = 3  # type: ignore[attr-defined]
    assert outcome(("phone\n" + "+15550001111\n" * 3).encode()) == ("", 3, 0)
    assert outcome(("phone\n" + "+15550001111\n" * 4).encode())[0] == "too_many_rows"


def test_file_beyond_the_limit_is_refused(settings: object) -> None:
    settings.IMPORT_MAX_BYTES = 10  # type: ignore[attr-defined]
    assert outcome(b"phone\n+15550001111\n")[0] == "file_too_large"
