"""An image host: drawn pictures, and every way in which hosts go wrong, by the first part of the path.

/ok/7.jpg  /ok/7.png  /ok/7.webp     a picture; the same number is the same bytes, whatever the query
/same/7.jpg                          one picture under all numbers
/missing/7.jpg  /forbidden/7.jpg     404, 403
/error/7.jpg                         500, each time
/flaky/7.jpg                         503 the first time, then a picture
/busy/7.jpg                          429 with Retry-After the first time, then a picture
/html/7.jpg  /empty/7.jpg            no picture, nothing
/broken/7.jpg                        the first half of a picture
/large/7.jpg  /endless/7.jpg         more than 25 MiB, said in advance or without an end
/slow/7.jpg  /trickle/7.jpg          no answer, a byte a second
/reset/7.jpg                         a cut connection
/redirect/3/ok/7.jpg                 three redirects, then what is behind them
/to?url=…                            a redirect to wherever
"""

import io
import random
import threading
import time
from collections import Counter
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from PIL import Image, ImageDraw

from tests.fakes.server import Answer, Delivery, LoopbackServer, Request

MEDIA_TYPES = {"jpg": ("JPEG", "image/jpeg"), "png": ("PNG", "image/png"), "webp": ("WEBP", "image/webp")}
TOO_LARGE = 26 * 1024 * 1024


@lru_cache(maxsize=2048)
def picture(number: int, ending: str = "jpg", size: tuple[int, int] = (160, 120)) -> bytes:
    """Draw a picture, the same for the same number."""
    rng = random.Random(number)
    image = Image.effect_noise(size, 40).convert("RGB") if number % 2 else Image.new("RGB", size, "white")
    if number % 2:
        image.putdata([(rng.randrange(256), rng.randrange(64), 128) for _ in range(size[0] * size[1])])
    pen = ImageDraw.Draw(image)
    for _ in range(8):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        pen.ellipse((x, y, x + size[0] // 4, y + size[1] // 4), fill=colour)
    stream = io.BytesIO()
    kind = MEDIA_TYPES[ending][0]
    image.save(stream, kind, **({} if kind == "PNG" else {"quality": 95}))
    return stream.getvalue()


class ImageHost:
    """A running host; use it as a context manager. `calls` counts the paths it was asked for."""

    def __init__(self, *, port: int = 0, retry_after: str = "0", size: tuple[int, int] = (160, 120)) -> None:
        self.calls: Counter[str] = Counter()
        self.most_at_once = 0
        self.times: list[float] = []
        self._retry_after = retry_after
        self._size = size
        self._now = 0
        self._lock = threading.Lock()
        self._server = LoopbackServer(self._respond, port=port)

    @property
    def url(self) -> str:
        """Return the base address."""
        return self._server.url

    @property
    def authority(self) -> str:
        """Return host and port, as FETCH_ALLOWED_PRIVATE_HOSTS has them."""
        return self.url.removeprefix("http://")

    def address(self, path: str) -> str:
        """Return the address of a path such as `ok/7.jpg`."""
        return f"{self.url}/{path}"

    def release(self) -> None:
        """Let go of whoever waits for a slow answer."""
        self._server.release()

    def _respond(self, request: Request) -> Answer:
        with self._lock:
            self.calls[request.path] += 1
            self.times.append(time.monotonic())
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            count = self.calls[request.path]
        try:
            return self._answer(request, count)
        finally:
            with self._lock:
                self._now -= 1

    def _answer(self, request: Request, count: int) -> Answer:
        kind, *rest = request.path.strip("/").split("/")
        if kind == "to":
            return Answer(status=302, headers={"Location": request.query["url"]})
        if kind == "redirect":
            left = int(rest[0])
            target = "/".join([f"/redirect/{left - 1}" if left > 1 else "", *rest[1:]])
            return Answer(status=302, headers={"Location": target})
        name, _, ending = (rest or ["0.jpg"])[-1].partition(".")
        content = picture(0 if kind == "same" else int(name), ending, self._size)
        whole = {"body": content, "content_type": MEDIA_TYPES[ending][1]}
        return self._faulty(kind, whole, count)

    def _faulty(self, kind: str, whole: dict[str, Any], count: int) -> Answer:
        match kind:
            case "missing":
                return Answer(status=404, body=b"no")
            case "forbidden":
                return Answer(status=403, body=b"no")
            case "error":
                return Answer(status=500, body=b"oops")
            case "flaky" if count == 1:
                return Answer(status=503)
            case "busy" if count == 1:
                return Answer(status=429, headers={"Retry-After": self._retry_after})
            case "html":
                return Answer(body=b"<html><body>Not a picture</body></html>", content_type="image/jpeg")
            case "empty":
                return Answer(**{**whole, "body": b""})
            case "broken":
                return Answer(**{**whole, "body": whole["body"][: len(whole["body"]) // 2]})
            case "large":
                return Answer(**{**whole, "body": bytes(TOO_LARGE)})
            case "endless":
                return Answer(**{**whole, "body": whole["body"] * 20}, delivery=Delivery.ENDLESS)
            case "slow":
                return Answer(delivery=Delivery.HANG, seconds=60)
            case "trickle":
                return Answer(**whole, delivery=Delivery.TRICKLE, seconds=1)
            case "reset":
                return Answer(delivery=Delivery.RESET)
            case _:
                return Answer(**whole)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
