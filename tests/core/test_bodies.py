"""Bodies that no route takes are refused before anybody writes them to disk."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from pytest_django import Settings

from chatboost.core.bodies import FORM_BYTES, BodyLimit

FORM = (b"content-type", b"multipart/form-data; boundary=x")
KEY = (b"authorization", b"Api-Key cb_x")
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _limits(settings: Settings) -> None:
    settings.IMPORT_MAX_BYTES, settings.WEBHOOK_MAX_BYTES = 8 * MIB, 3 * MIB


def ask(headers: Sequence[tuple[bytes, bytes]], *chunks: bytes) -> tuple[int, Any, int]:
    """Send a body; returns the status, the answer, and how many bytes reached the application."""
    waiting, said, taken = list(chunks), [], 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        said.append(message)

    async def spooling(scope: Any, receive: Any, send: Any) -> None:
        nonlocal taken
        while True:
            message = await receive()
            taken += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    asyncio.run(BodyLimit(spooling)({"type": "http", "headers": headers}, receive, send))
    return said[0]["status"], json.loads(said[1]["body"]), taken


@pytest.mark.parametrize(
    ("headers", "size"),
    [([], 3 * MIB), ([FORM], 3 * MIB), ([KEY], 3 * MIB), ([FORM, KEY], 8 * MIB + FORM_BYTES)],
)
def test_body_up_to_its_limit_is_passed_on(headers: list[tuple[bytes, bytes]], size: int) -> None:
    assert ask(headers, b"x" * size) == (200, {}, size)


@pytest.mark.parametrize(
    ("headers", "size"),
    [([], 3 * MIB), ([FORM], 3 * MIB), ([KEY], 3 * MIB), ([FORM, KEY], 8 * MIB + FORM_BYTES)],
)
def test_body_beyond_its_limit_is_refused_unread(headers: list[tuple[bytes, bytes]], size: int) -> None:
    announced = (b"content-length", str(size + 1).encode())

    status, problem, taken = ask([*headers, announced], b"x" * (size + 1))

    assert (status, problem["code"], taken) == (413, "body_too_large", 0)


def test_body_that_says_nothing_of_its_length_is_refused_on_the_way() -> None:
    status, problem, taken = ask([], *[b"x" * MIB] * 5)

    assert (status, problem["code"], taken) == (413, "body_too_large", 3 * MIB)
