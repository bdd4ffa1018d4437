"""Reading answers from a connection: whole, broken and hostile ones."""

import gzip
import secrets
import socket
import time
import traceback
import zlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatboost.core.http import connection, deadlines, errors, heads
from chatboost.core.http.response import Response

CAP = 1000
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


def read(data: bytes, *, method: str = "GET") -> tuple[Response, bool]:
    """Return what comes of an answer after which the peer sends no more, and whether its connection stays."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        link = connection.Connection(ours, host="vendor.example")
        request = heads.build(method=method, path="/", authority="vendor.example", headers={}, body=None)
        deadline = deadlines.Deadline(timedelta(seconds=20))
        return link.exchange(request, b"", deadline=deadline, max_bytes=CAP), link.is_reusable


def chunks(*parts: bytes) -> bytes:
    return CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def encoded(body: bytes, coding: str) -> bytes:
    return OK + f"content-encoding: {coding}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def test_answer_with_repeated_and_folded_fields_joins_them() -> None:
    data = b"HTTP/1.1 404 Not Found\r\nVia: a\r\nVIA:  b \r\nX: one\r\n two\r\ncontent-length: 0\r\n\r\n"

    response, _ = read(data)

    assert (response.status, response.headers["via"], response.headers["x"]) == (404, "a, b", "one two")


def test_answer_after_interim_ones_is_the_final_one() -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"

    assert read(data + OK + b"content-length: 2\r\n\r\nok")[0].body == b"ok"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200\ncontent-length: 2\n\nok",
        OK + b"\r\nok",
        chunks(b"o", b"k"),
        CHUNKED + b"2;extension=1\r\nok\r\n0\r\ntrailer: dropped\r\n\r\n",
    ],
    ids=["length", "to the end", "chunks", "chunks with extras"],
)
def test_body_is_read_whole_however_its_end_is_told(data: bytes) -> None:
    assert read(data)[0].body == b"ok"


BROKEN = [
    b"",
    OK[:-2],
    OK + b"content-le",
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 099 Odd\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"\r\n\r\n" + OK + b"\r\n",
    OK + b"no colon\r\n\r\n",
    OK + b"space : before\r\n\r\n",
    OK + b" folded: first\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\n\r\n" + OK + b"content-length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + OK + b"\r\n",
    OK + b"x: " + b"y" * 100_000,
    OK + b"x: y\r\n" * 20_000 + b"\r\n",
    OK + b"content-length: 5\r\n\r\nfour",
    OK + b"content-length: -1\r\n\r\n",
    OK + b"content-length: 0x1\r\n\r\na",
    OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
    OK + b"content-length: " + b"9" * 5000 + b"\r\n\r\n",
    OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    CHUNKED + b"-1\r\nendless",
    CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
    CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
    CHUNKED + b"2\r\nab\r\n0\r\n",
    CHUNKED + b"0" * 100_000,
    CHUNKED + b"0\r\n" + b"t: x\r\n" * 20_000 + b"\r\n",
    encoded(b"not gzip", "gzip"),
    encoded(gzip.compress(b"abc", mtime=0)[:-3], "gzip"),
    encoded(gzip.compress(b"abc", mtime=0) + b"more", "gzip"),
    encoded(gzip.compress(b"", mtime=0) * 20, "gzip"),
    encoded(b"abc", "br"),
    encoded(gzip.compress(gzip.compress(b"abc"), mtime=0), "gzip, gzip"),
]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
def test_broken_answer_is_an_unknown_outcome(data: bytes) -> None:
    with pytest.raises(errors.OutcomeUnknown):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        OK + b"x:" + b" " * 60_000 + b"\0\r\n\r\n",
        OK + b"x:" + b"\n " * 30_000 + b"\0\r\n\r\n",
        CHUNKED + b"1;" + b" " * 60_000 + b"\n\r\n",
        CHUNKED + b"0\r\nx:" + b" " * 60_000 + b"\0\r\n\r\n",
    ],
    ids=["field", "folded field", "chunk extension", "trailer"],
)
def test_answer_of_blanks_costs_no_time_beyond_the_deadlines_reach(data: bytes) -> None:
    """The parser's patterns take 5 to 20 s for each of these, in one step that no deadline can end."""
    started = time.thread_time()
    with pytest.raises(errors.OutcomeUnknown):
        read(data)
    assert time.thread_time() - started < 2


def test_error_of_a_broken_answer_quotes_nothing_of_it() -> None:
    secret = secrets.token_hex()
    with pytest.raises(errors.OutcomeUnknown) as caught:
        read(OK + f"set-cookie : {secret}\r\n\r\n".encode())

    assert secret not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("data", "method"),
    [
        (OK + b"content-length: 5000\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET"),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5000\r\n\r\n", "GET"),
    ],
)
def test_answer_without_body_by_its_kind_waits_for_none(data: bytes, method: str) -> None:
    assert read(data, method=method)[0].body == b""


@pytest.mark.parametrize(
    "data",
    [
        encoded(gzip.compress(b"salaam", mtime=0), "gzip"),
        encoded(gzip.compress(b"salaam", mtime=0), "X-GZIP"),
        encoded(zlib.compress(b"salaam"), "deflate"),
        encoded(b"salaam", "identity"),
    ],
)
def test_compressed_body_comes_back_plain(data: bytes) -> None:
    assert read(data)[0].body == b"salaam"


@pytest.mark.parametrize(
    "data",
    [
        OK + b"content-length: 1001\r\n\r\n",
        OK + b"\r\n" + b"x" * 1001,
        chunks(b"x" * 600, b"y" * 600),
        encoded(gzip.compress(b"\0" * 1001, mtime=0), "gzip"),
        encoded(zlib.compress(b"\0" * 500_000), "deflate"),
    ],
)
def test_body_over_the_cap_is_too_large(data: bytes) -> None:
    with pytest.raises(errors.TooLarge) as caught:
        read(data)
    assert caught.value.status == 200


@pytest.mark.parametrize(
    ("data", "is_kept"),
    [
        (OK + b"content-length: 0\r\n\r\n", True),
        (chunks(), True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (OK + b"content-length: 0\r\nconnection: Close\r\n\r\n", False),
        (OK + b"\r\n", False),
        (OK + b"content-length: 0\r\n\r\nmore", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
        (OK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", False),
    ],
)
def test_answer_tells_whether_the_connection_stays(data: bytes, is_kept: bool) -> None:
    assert read(data)[1] is is_kept


@given(
    st.lists(
        st.sampled_from(
            [
                OK,
                b"HTTP/1.1 100 X\r\n\r\n",
                b"content-length: 7\r\n",
                b"transfer-encoding: chunked\r\n",
                b"content-encoding: gzip\r\n",
                b"\r\n",
                b"\n",
                b"7\r\n",
                b"0\r\n",
                b"ffffffffff\r\n",
                gzip.compress(b"\0" * 3000, mtime=0),
            ]
        )
        | st.binary(max_size=20),
        max_size=12,
    )
)
def test_any_bytes_give_a_capped_body_or_a_known_error(pieces: list[bytes]) -> None:
    try:
        response, _ = read(b"".join(pieces))
    except (errors.OutcomeUnknown, errors.TooLarge):
        return
    assert len(response.body) <= CAP
