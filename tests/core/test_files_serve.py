"""`/files/{uuid}`: by role or by signed link, never more than was asked for, harmless in a browser."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from chatboost.core import clock, files
from chatboost.core.files import links, ranges, serve
from chatboost.core.models import File, FileState
from teams.models import Organization, User
from teams.roles import Role
from teams.services import organizations
from tests import factories
from tests.core.stored import CONTENT, write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _storage(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


# Serving by role


@pytest.mark.parametrize("slash", ["", "/"])
def test_caller_with_the_permission_gets_the_file(
    slash: str, api: APIClient, organization: Organization
) -> None:
    answer = api.get(f"/files/{write(organization).uuid}{slash}")
    assert (answer.status_code, body(answer)) == (200, CONTENT)


def test_answer_can_not_run_in_the_browser(api: APIClient, organization: Organization) -> None:
    file = write(organization, content_type="text/html", name="page.html")
    answer = api.get(f"/files/{file.uuid}", HTTP_ACCEPT_ENCODING="gzip")
    assert {
        name: answer[name]
        for name in (
            "Content-Type",
            "Content-Disposition",
            "Content-Length",
            "X-Content-Type-Options",
            "Content-Security-Policy",
            "Cache-Control",
            "Accept-Ranges",
            "Content-Encoding",
        )
    } == {
        "Content-Type": "text/html",
        "Content-Disposition": 'attachment; filename="page.html"',
        "Content-Length": str(len(CONTENT)),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "bytes",
        "Content-Encoding": "identity",
    }


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ('a"b.csv', 'attachment; filename="a\\"b.csv"'),
        ("März.csv", "attachment; filename*=utf-8''M%C3%A4rz.csv"),
        ("x\r\nSet-Cookie: a=1.csv", 'attachment; filename="xSet-Cookie: a=1.csv"'),
    ],
)
def test_name_of_a_download_can_not_break_the_header(
    name: str, header: str, api: APIClient, organization: Organization
) -> None:
    answer = api.get(f"/files/{write(organization, name=name).uuid}")
    assert answer["Content-Disposition"] == header
    assert "Set-Cookie" not in answer


def test_answer_does_not_depend_on_what_is_accepted(api: APIClient, organization: Organization) -> None:
    assert api.get(f"/files/{write(organization).uuid}", HTTP_ACCEPT="image/png").status_code == 200


def test_anonymous_without_a_token_is_unauthorised(organization: Organization) -> None:
    answer = Client().get(f"/files/{write(organization).uuid}")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_console_session_gets_the_file(organization: Organization, editor: User) -> None:
    browser = Client()
    browser.force_login(editor, backend=factories.SIGN_IN)
    assert browser.get(f"/files/{write(organization).uuid}").status_code == 200


@pytest.mark.parametrize("case", ["foreign", "unknown", "expired", "unfinished", "not for the role", "lost"])
def test_file_the_caller_may_not_have_looks_like_none(
    case: str, api: APIClient, organization: Organization, other_organization: Organization
) -> None:
    file = write(
        other_organization if case == "foreign" else organization,
        permission="teams.delete_organization" if case == "not for the role" else "core.view_file",
        expires_in=timedelta() if case == "expired" else None,
    )
    if case == "unfinished":
        File.objects.update(state=FileState.WRITING)
    if case == "lost":
        default_storage.delete(file.path)
    answer = api.get(f"/files/{uuid4() if case == 'unknown' else file.uuid}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_user_of_several_organizations_has_to_name_one(
    organization: Organization, other_organization: Organization, editor: User
) -> None:
    organizations.add_member(organization=other_organization, user=editor, role=Role.EDITOR)
    token = (
        Client()
        .post(
            "/auth/token",
            {"username": editor.email, "password": "correct horse battery"},
            content_type="application/json",
        )
        .json()["access_token"]
    )
    address = f"/files/{write(other_organization).uuid}"
    caller = APIClient(HTTP_AUTHORIZATION=f"Bearer {token}")
    statuses = [
        caller.get(address, HTTP_X_ORGANIZATION=slug).status_code if slug else caller.get(address).status_code
        for slug in ("", "acme", "globex")
    ]
    assert statuses == [400, 404, 200]


UPPER_CASE = str(UUID(int=10**37)).upper()


@pytest.mark.parametrize("name", ["../../settings.py", "..%2f..%2fsecrets.json", "x", UPPER_CASE])
def test_path_that_is_no_file_address_is_no_route(name: str, api: APIClient) -> None:
    assert api.get(f"/files/{name}").json()["code"] == "no_route"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_file_is_only_read(method: str, api: APIClient, organization: Organization) -> None:
    assert getattr(api, method)(f"/files/{write(organization).uuid}").status_code == 405


def test_lost_bytes_of_a_signed_link_are_not_found() -> None:
    file = write()
    default_storage.delete(file.path)
    assert Client().get(path_of(files.link(file))).status_code == 404


# Signed links


def test_link_is_absolute_and_opens_the_file_without_an_account(settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://chat.example.com"
    file = write()
    url = files.link(file)
    assert url.startswith(f"https://chat.example.com/files/{file.uuid}?token=")
    answer = Client().get(path_of(url))
    assert (answer.status_code, body(answer)) == (200, CONTENT)


def test_link_opens_until_it_expires() -> None:
    path = path_of(files.link(write(), expires_in=timedelta(minutes=5)))
    statuses = []
    for seconds in (299, 301):
        with clock.frozen(clock.now() + timedelta(seconds=seconds)):
            statuses.append(Client().get(path).status_code)
    assert statuses == [200, 404]


def test_link_to_a_file_that_expired_is_not_found() -> None:
    file = write(expires_in=timedelta(minutes=5))
    path = path_of(files.link(file))
    with clock.frozen(clock.now() + timedelta(minutes=6)):
        assert Client().get(path).status_code == 404


def forged(token: str, other: UUID) -> list[str]:
    value, _, signature = token.rpartition(":")
    signed_for, until = value.split(".")
    return [
        "",
        "nonsense",
        value,
        f"{value}:",
        f"{signed_for}.{int(until) + 3600}:{signature}",
        f"{other.hex}.{until}:{signature}",
        f"{value}:{signature[:-1]}{'a' if signature[-1] != 'a' else 'b'}",
        f"{token}x",
        "\x00",
    ]


def test_forged_tokens_open_nothing() -> None:
    file, other = write(), write()
    token = files.link(file).partition("token=")[2]
    assert links.is_valid(token, file.uuid)
    assert not [text for text in forged(token, other.uuid) if links.is_valid(text, file.uuid)]
    assert not links.is_valid(token, other.uuid)


def test_bad_token_is_not_found() -> None:
    assert Client().get(f"/files/{write().uuid}", {"token": "nonsense"}).status_code == 404


def test_bad_token_does_not_shut_out_whoever_may(api: APIClient, organization: Organization) -> None:
    assert api.get(f"/files/{write(organization).uuid}", {"token": "old"}).status_code == 200


# Parts


RANGES: list[tuple[str | None, ranges.Span | None]] = [
    (None, None),
    ("", None),
    ("bytes=0-0", ranges.Span(0, 1)),
    ("bytes=0-", ranges.Span(0, 10)),
    ("bytes=3-5", ranges.Span(3, 6)),
    ("bytes=9-99", ranges.Span(9, 10)),
    ("bytes=-4", ranges.Span(6, 10)),
    ("bytes=-99", ranges.Span(0, 10)),
    ("Bytes = 1 - 2", ranges.Span(1, 3)),
    ("bytes=5-3", None),
    ("bytes=-", None),
    ("bytes=a-b", None),
    ("bytes=0-1,3-4", None),
    ("lines=0-1", None),
    ("bytes=٠-٥", None),
    (f"bytes=0-{'9' * 30}", None),
]


@pytest.mark.parametrize(("header", "span"), RANGES)
def test_range_is_read(header: str | None, span: ranges.Span | None) -> None:
    assert ranges.parse(header, 10) == span


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=10-", 10), ("bytes=99-100", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)],
)
def test_range_outside_the_file_is_unsatisfiable(header: str, size: int) -> None:
    with pytest.raises(ranges.Unsatisfiable):
        ranges.parse(header, size)


def test_range_is_answered_with_the_part(api: APIClient, organization: Organization) -> None:
    answer = api.get(
        f"/files/{write(organization).uuid}", HTTP_RANGE="bytes=70000-70009", HTTP_ACCEPT_ENCODING="gzip"
    )
    assert (answer.status_code, body(answer)) == (206, CONTENT[70000:70010])
    assert (answer["Content-Range"], answer["Content-Length"]) == (f"bytes 70000-70009/{len(CONTENT)}", "10")


def test_range_outside_the_file_is_refused(api: APIClient, organization: Organization) -> None:
    answer = api.get(f"/files/{write(organization).uuid}", HTTP_RANGE=f"bytes={len(CONTENT)}-")
    assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")


def test_range_on_a_condition_is_answered_whole(api: APIClient, organization: Organization) -> None:
    answer = api.get(f"/files/{write(organization).uuid}", HTTP_RANGE="bytes=0-1", HTTP_IF_RANGE='"other"')
    assert (answer.status_code, len(body(answer))) == (200, len(CONTENT))


@pytest.mark.parametrize(("header", "status", "length"), [("", 200, len(CONTENT)), ("bytes=0-9", 206, 10)])
def test_head_says_what_get_would(
    header: str, status: int, length: int, api: APIClient, organization: Organization
) -> None:
    answer = api.head(f"/files/{write(organization).uuid}", HTTP_RANGE=header)
    assert (answer.status_code, answer["Content-Length"], body(answer)) == (status, str(length), b"")


@pytest.mark.filterwarnings("error:StreamingHttpResponse must consume:Warning")
def test_server_of_asgi_gets_blocks_and_not_the_whole() -> None:
    answer: Any = serve.respond(Request(APIRequestFactory().get("/")), write())

    async def received() -> list[bytes]:
        return [block async for block in answer]

    blocks = asyncio.run(received())
    assert b"".join(blocks) == CONTENT
    assert max(map(len, blocks)) < len(CONTENT)
