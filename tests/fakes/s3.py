"""S3 on this machine: one bucket, written whole or in parts, read whole or by range, with scripted faults.

Source of paths, headers and codes: Amazon S3 API Reference, PutObject, GetObject, CreateMultipartUpload,
UploadPart, CompleteMultipartUpload, and "Error responses".
"""

import hashlib
import itertools
import re
import threading
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.fakes.faults import Fault, Rule, Script
from tests.fakes.ledger import Ledger
from tests.fakes.server import Answer, Delivery, LoopbackServer, Request

BUCKET = "fiction-files"
REGION = "eu-nowhere-1"
ACCESS_KEY_ID = "FICTIONKEY"
SECRET_KEY = "fiction-secret-of-nobody"

_SIGNED = re.compile(
    rf"AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/\d{{8}}/{REGION}/s3/aws4_request, "
    r"SignedHeaders=[\w;-]*host[\w;-]*, Signature=[0-9a-f]{64}"
)
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class S3Fake:
    """A running bucket; use it as a context manager.

    `objects` is what lies in it, by key, `uploads` the parts of what is unfinished, `attempts` every request,
    also refused ones. Faults match by `method` and `key`.
    """

    def __init__(self, *, port: int = 0) -> None:
        """Bind the port; nothing answers before `start`."""
        self.script = Script()
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._attempts = Ledger()
        self._server = LoopbackServer(self._respond, port=port)

    @property
    def url(self) -> str:
        """Return the endpoint's address."""
        return self._server.url

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Return every request: method, key, range, headers, fault."""
        return self._attempts.entries()

    def play(self, *rules: Rule, seed: int = 0) -> None:
        """Put these faults in force instead of the ones before; none: everything works."""
        self.script.replace(rules, seed=seed)

    def release(self) -> None:
        """End every hold and hang that is under way."""
        self._server.release()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    def _respond(self, request: Request) -> Answer:
        _, bucket, *rest = unquote(request.path).split("/")
        key = "/".join(rest)
        rule = self.script.next_fault({"method": request.method, "key": key})
        self._attempts.append(
            {
                "method": request.method,
                "key": key,
                "range": request.headers.get("range", ""),
                "headers": dict(request.headers),
                "fault": rule.fault.value if rule else None,
            }
        )
        if (refusal := _refusal(request, bucket)) is not None:
            return refusal
        return self._do(request, key) if rule is None else self._misbehave(rule, request, key)

    def _misbehave(self, rule: Rule, request: Request, key: str) -> Answer:
        match rule.fault:
            case Fault.ERROR:
                return _error(rule.status, rule.message, "Scripted.")
            case Fault.ANSWER:
                return Answer(status=rule.status, body=rule.body.encode(), content_type=rule.content_type)
            case Fault.RESET_BEFORE_ACCEPT:
                return Answer(delivery=Delivery.RESET)
            case Fault.HOLD:
                self._server.wait_for_release(rule.seconds)
                return self._do(request, key)
        answer = self._do(request, key)
        match rule.fault:
            case Fault.ACCEPT_THEN_HANG:
                return Answer(delivery=Delivery.HANG, seconds=rule.seconds)
            case Fault.ACCEPT_THEN_RESET:
                return Answer(delivery=Delivery.RESET)
            case Fault.ACCEPT_THEN_500:
                return Answer(status=500, body=b"<html>Sorry.</html>", content_type="text/html")
            case Fault.TRICKLE:
                return replace(answer, delivery=Delivery.TRICKLE, seconds=rule.seconds)
        raise ValueError(f"S3 knows no {rule.fault}")

    def _do(self, request: Request, key: str) -> Answer:
        """Do what S3 does on a good day."""
        with self._lock:
            match request.method:
                case "PUT" if "uploadId" in request.query:
                    return self._put_part(request)
                case "PUT":
                    self.objects[key] = request.body
                    return Answer(headers={"ETag": _etag(request.body)})
                case "POST" if "uploadId" in request.query:
                    return self._complete(request, key)
                case "POST":
                    number = f"upload-{next(self._numbers)}"
                    self.uploads[number] = {}
                    return _xml("InitiateMultipartUploadResult", Bucket=BUCKET, Key=key, UploadId=number)
                case "DELETE":
                    gone = self.uploads if "uploadId" in request.query else self.objects
                    gone.pop(request.query.get("uploadId", key), None)
                    return Answer(status=204)
                case _:
                    return _part_of(self.objects.get(key), request.headers.get("range"))

    def _put_part(self, request: Request) -> Answer:
        parts = self.uploads.get(request.query["uploadId"])
        if parts is None:
            return _error(404, "NoSuchUpload", "The upload does not exist.")
        parts[int(request.query["partNumber"])] = request.body
        return Answer(headers={"ETag": _etag(request.body)})

    def _complete(self, request: Request, key: str) -> Answer:
        parts = self.uploads.get(request.query["uploadId"])
        if parts is None:
            return _error(404, "NoSuchUpload", "The upload does not exist.")
        named = [
            (int(part.findtext("{*}PartNumber") or 0), part.findtext("{*}ETag"))
            for part in ElementTree.fromstring(request.body)
        ]
        if named != [(number, _etag(parts[number])) for number in sorted(parts)]:
            return _error(400, "InvalidPart", "The parts are others.")
        self.objects[key] = b"".join(parts[number] for number, _ in named)
        del self.uploads[request.query["uploadId"]]
        etag = _etag(self.objects[key])
        return _xml("CompleteMultipartUploadResult", Bucket=BUCKET, Key=key, ETag=etag)


def _refusal(request: Request, bucket: str) -> Answer | None:
    if not _SIGNED.fullmatch(request.headers.get("authorization", "")):
        return _error(403, "AccessDenied", "The request is not signed.")
    if request.headers.get("x-amz-content-sha256") != hashlib.sha256(request.body).hexdigest():
        return _error(400, "XAmzContentSHA256Mismatch", "The body is not what was signed.")
    if bucket != BUCKET:
        return _error(404, "NoSuchBucket", "The bucket does not exist.")
    return None


def _part_of(content: bytes | None, wanted: str | None) -> Answer:
    if content is None:
        return _error(404, "NoSuchKey", "The key does not exist.")
    headers = {"ETag": _etag(content), "Accept-Ranges": "bytes"}
    match = _RANGE.fullmatch(wanted or "")
    if match is None:
        return Answer(body=content, content_type="application/octet-stream", headers=headers)
    start, end = int(match[1]), min(int(match[2] or len(content)) + 1, len(content))
    if start >= len(content):
        return _error(416, "InvalidRange", "The range lies outside.")
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
    body = content[start:end]
    return Answer(status=206, body=body, content_type="application/octet-stream", headers=headers)


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _error(status: int, code: str, message: str) -> Answer:
    return _xml("Error", status=status, Code=code, Message=message)


def _xml(root: str, *, status: int = 200, **fields: str) -> Answer:
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'
    return Answer(status=status, body=body.encode(), content_type="application/xml")
