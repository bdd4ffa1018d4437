"""An image host for the bench: photos of a shop's size, each address another file, served from memory.

`python -m bench.peers.images PORT` serves `/NUMBER.jpg`; `photo` makes the same bytes for whoever wants them
without a server.
"""

import io
import random
import struct
import sys
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image, ImageDraw, ImageFilter

PHOTOS = 20
SIZE = 1200, 900


def photo(number: int) -> bytes:
    """Return a photo that no other number has: one of a few, with a comment of its own."""
    drawn = _drawn(number % PHOTOS)
    comment = f"photo {number}".encode()
    return drawn[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + drawn[2:]


@cache
def _drawn(number: int) -> bytes:
    rng = random.Random(number)
    image = Image.radial_gradient("L").resize(SIZE).convert("RGB")
    pen = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, size = rng.randrange(SIZE[0]), rng.randrange(SIZE[1]), rng.randrange(10, 200)
        colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        pen.ellipse((x, y, x + size, y + size), fill=colour)
    grain = Image.effect_noise(SIZE, 30).convert("RGB")
    image = Image.blend(image.filter(ImageFilter.GaussianBlur(2)), grain, 0.15)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Answers with the photo of the path's number."""

    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024

    def do_GET(self) -> None:
        """Send it."""
        body = photo(int(self.path.strip("/").partition(".")[0]))
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    """Keeps nobody waiting for a connection: at five in line the system would drop the sixth."""

    request_queue_size = 128
    daemon_threads = True


if __name__ == "__main__":
    for each in range(PHOTOS):
        photo(each)
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
