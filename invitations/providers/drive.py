"""Google Drive, through Google's own client of its API over our own connections.

The client builds and reads what travels; connections, deadline and the cap on an answer are ours, as httplib2
limits each read alone and follows the environment's proxies. What a failure means depends on what was
asked: of what creates something, an answer that did not come, or that can't be read, leaves open whether it
was done. Ids are made beforehand, so a repeat is answered 409 and makes no second file.

Sources: drive.v3 discovery document (revision 20261106); "Resolve errors" and "Manage uploads" of the Drive
guides (2025-11).
"""

import functools
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit

from chatboost.core.http import client as http
from chatboost.core.http import waiting
from invitations.providers.base import (
    AuthFailed,
    BadResponse,
    Gone,
    Invalid,
    ProviderError,
    RateLimited,
    Transient,
    Unclear,
)

FOLDER = "application/vnd.google-apps.folder"
# Which of our runs a file was made in: a second way to find it, beside its id.
RUN_PROPERTY = "chatboost_run"
MAX_ANSWER_BYTES = 1024 * 1024
MAX_IDS = 1000
# What goes in one request together with its description. Source: "Manage uploads": 5 MB.
MAX_MULTIPART_BYTES = 5 * 1000 * 1000
_MAX_NAME = 255
# An upload in pieces goes on after this status; a card is one piece, or a few where Google took less.
_GO_ON, _MAX_PIECES = 308, 4

_TOO_FAST = {"rateLimitExceeded", "userRateLimitExceeded", "sharingRateLimitExceeded"}
# What people can do about a refusal, by Google's word for it.
_ADVICE: Mapping[str, str] = {
    "storageQuotaExceeded": "The account’s storage is full. A service account has none of its own: its files "
    "have to go to a Shared Drive.",
    "teamDriveFileLimitExceeded": "The Shared Drive holds as many files as it can.",
    "insufficientFilePermissions": "The account may not write there. Make it a content manager of the drive.",
    "insufficientPermissions": "The consent does not cover this. Connect the account again.",
    "appNotAuthorizedToFile": "The folder was not made by this application, so it may not write there.",
    "invalidSharingRequest": "The account’s organization does not allow links that anybody can open.",
    "domainPolicy": "The account’s organization does not allow this application to use Drive.",
    "dailyLimitExceeded": "The day’s limit of this installation’s project at Google is used up.",
    "accessNotConfigured": "The Drive API is not switched on in this installation’s project at Google.",
}


@dataclass(frozen=True, slots=True)
class DriveAccess:
    """What opens a Drive for a while, and where in it files go: "" is the account's own top."""

    token: str = field(repr=False)
    api_root: str
    deadline: timedelta
    shared_drive_id: str = ""
    folder_id: str = ""


class GoogleDrive:
    """Keeps cards in a Drive. One for each call or many, and safe to share between threads."""

    def __init__(self, access: DriveAccess) -> None:
        """Prepare the adapter; nothing is sent."""
        self._access = access

    def __repr__(self) -> str:
        return f"<GoogleDrive {self._access.shared_drive_id or 'of the account'}>"

    def get_ready(self) -> None:
        """Load Google's client: it takes its time, once a process."""
        _service(self._access.api_root)

    def generate_ids(self, count: int) -> list[str]:
        """Return ids that folders and files can be created with later. Google gives 1000 at a time."""
        found: list[str] = []
        while len(found) < count:
            asked = min(count - len(found), MAX_IDS)
            said = self._read(self._files().generateIds(count=asked, space="drive", type="files"))
            ids = said.get("ids")
            if (
                not isinstance(ids, list)
                or not ids
                or not all(isinstance(each, str) and each for each in ids)
            ):
                raise BadResponse("Google Drive gave no ids.")
            found += ids[:asked]
        return found

    def create_folder(self, id: str, name: str, parent: str) -> str:
        """Create a folder in `parent` ("": the top) and return its web link. One that is there counts."""
        body = {"id": id, "name": name[:_MAX_NAME], "mimeType": FOLDER, **self._parents(parent)}
        call = self._files().create(body=body, fields="id,webViewLink", supportsAllDrives=True)
        said = self._create(call)
        return self._link(said) if said and "webViewLink" in said else self._link_of(id)

    def upload(
        self, id: str, folder_id: str, name: str, content: bytes, media_type: str, run_id: str
    ) -> None:
        """Create a file, marked with its run. One that is there counts."""
        body = {
            "id": id,
            "name": name[:_MAX_NAME],
            "mimeType": media_type,
            "appProperties": {RUN_PROPERTY: run_id},
            **self._parents(folder_id),
        }
        media = _media(content, media_type)
        self._create(self._files().create(body=body, media_body=media, fields="id", supportsAllDrives=True))

    def replace(self, id: str, name: str, content: bytes, media_type: str) -> None:
        """Put other bytes in the place of a file's; its link stays. Raises: Gone."""
        body = {"name": name[:_MAX_NAME]}
        media = _media(content, media_type)
        self._create(
            self._files().update(fileId=id, body=body, media_body=media, fields="id", supportsAllDrives=True)
        )

    def share(self, id: str) -> str:
        """Let anybody with the link read, and return the link. May be repeated."""
        body = {"type": "anyone", "role": "reader"}
        permissions = _service(self._access.api_root).permissions()
        call = permissions.create(fileId=id, body=body, fields="id", supportsAllDrives=True)
        self._create(call)
        return self._link_of(id)

    def delete(self, id: str) -> None:
        """Remove a file or folder for good. One that is not there counts as removed."""
        try:
            self._read(self._files().delete(fileId=id, supportsAllDrives=True))
        except Gone:
            pass

    def check(self) -> list[str]:
        """Return what is wrong with where files go, in words; nothing: they can go there."""
        target = self._access.folder_id or self._access.shared_drive_id
        if not target:
            self.generate_ids(1)
            return []
        fields = "id,driveId,mimeType,trashed,capabilities(canAddChildren)"
        try:
            said = self._read(self._files().get(fileId=target, fields=fields, supportsAllDrives=True))
        except Gone:
            return ["The Shared Drive or its folder is not there, or not open to this account."]
        problems = []
        if not said.get("driveId"):
            problems.append(
                "This is no Shared Drive. A service account has no storage of its own: Google would refuse "
                "its files there."
            )
        if said.get("trashed"):
            problems.append("The folder is in the bin.")
        capabilities = said.get("capabilities")
        if isinstance(capabilities, dict) and capabilities.get("canAddChildren") is False:
            problems.append(_ADVICE["insufficientFilePermissions"])
        return problems

    def _files(self) -> Any:
        return _service(self._access.api_root).files()

    def _parents(self, parent: str) -> dict[str, list[str]]:
        where = parent or self._access.folder_id or self._access.shared_drive_id
        return {"parents": [where]} if where else {}

    def _link_of(self, id: str) -> str:
        call = self._files().get(fileId=id, fields="id,webViewLink", supportsAllDrives=True)
        return self._link(self._read(call))

    def _link(self, said: Mapping[str, Any]) -> str:
        link = said.get("webViewLink")
        if not isinstance(link, str) or not link.startswith(("https://", "http://")) or len(link) > 2000:
            raise BadResponse("Google Drive gave no link.")
        return link

    def _read(self, call: Any) -> dict[str, Any]:
        """Make a call that may be made again. Raises: ProviderError, never Unclear."""
        try:
            said = _execute(call, self._access)
        except http.HttpError as problem:
            _raise_for_reading(problem)
        except _Unreadable as problem:
            raise BadResponse(str(problem)) from None
        return said if isinstance(said, dict) else {}

    def _create(self, call: Any) -> dict[str, Any] | None:
        """Make a call that creates what has our id; None: it was there. Raises: ProviderError."""
        try:
            said = _execute(call, self._access)
        except _Exists:
            return None
        except http.NotSent as problem:
            raise Transient(f"Google Drive was not reached: {problem}") from None
        except http.Refused as problem:
            raise Invalid(str(problem)) from None
        except http.HttpError as problem:
            raise Unclear(f"Google Drive’s answer is lost: {problem}") from None
        except _Unreadable as problem:
            raise Unclear(str(problem)) from None
        except Transient as problem:
            raise Unclear(problem.message) from None
        if not isinstance(said, dict):
            raise Unclear("Google Drive’s answer can’t be read.")
        return said


def _media(content: bytes, media_type: str) -> Any:
    from googleapiclient.http import MediaIoBaseUpload

    return MediaIoBaseUpload(
        io.BytesIO(content),
        mimetype=media_type,
        # All that is left in one piece: a card is small enough to go again.
        chunksize=-1,
        resumable=len(content) > MAX_MULTIPART_BYTES,
    )


class _Exists(Exception):
    """Something has this id already."""


class _Unreadable(Exception):
    """A success came, with a body that can't be read."""


class _Connection:
    """What the client calls in the place of an httplib2.Http: with one access, and Google's host only."""

    def __init__(self, access: DriveAccess) -> None:
        self._access = access
        root = urlsplit(access.api_root)
        self._origin = f"{root.scheme}://{root.netloc}"

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **ignored: Any,
    ) -> tuple[Any, bytes]:
        """Make one call. Raises: HttpError, and what `_refusal` returns.

        The client's own reading of errors breaks at bodies that are not as it expects.
        """
        import httplib2

        parts = urlsplit(uri)
        if f"{parts.scheme}://{parts.netloc}" != self._origin:
            # Also where an upload goes on: its address comes from an answer.
            raise http.Refused("foreign_host", "Google Drive named another host.")
        client = _shared_client(os.getpid(), self._origin, self._access.deadline)
        answer = client.request(
            method,
            f"{parts.path}?{parts.query}" if parts.query else parts.path,
            data=_bytes(body),
            headers={**_own(headers or {}), "authorization": f"Bearer {self._access.token}"},
        )
        if not answer.is_success and answer.status != _GO_ON:
            raise _refusal(answer)
        return httplib2.Response({**answer.headers, "status": str(answer.status)}), answer.body


def _execute(call: Any, access: DriveAccess) -> Any:
    """Make a call. Raises: HttpError, _Exists, _Unreadable, and ProviderError for a refusal."""
    from googleapiclient.errors import Error as ClientError

    connection: Any = _Connection(access)
    try:
        if getattr(call, "resumable", None) is None:
            return call.execute(http=connection, num_retries=0)
        for _ in range(_MAX_PIECES):
            _, said = call.next_chunk(http=connection, num_retries=0)
            if said is not None:
                return said
    except (ValueError, RecursionError, ClientError):
        pass
    raise _Unreadable("Google Drive’s answer can’t be read.")


def _refusal(answer: http.Response) -> Exception:
    """Return what a refusal means: its reason counts before its status."""
    status, (reason, message) = answer.status, _said(answer.body)
    words = f"Google Drive: {_ADVICE.get(reason) or message or f'HTTP {status}'}"
    code = reason or f"http_{status}"
    if status == 409:
        return _Exists()
    if status == 401 or reason == "authError":
        return AuthFailed(words, "expired")
    if status == 429 or (status == 403 and reason in _TOO_FAST):
        return RateLimited(words, code, retry_after=waiting.asked_by(answer))
    if status in (404, 410):
        return Gone(words, code)
    if status >= 500 or status == 408:
        return Transient(words, code)
    if status >= 400:
        return Invalid(words, code)
    return BadResponse(words, code)


def _said(body: bytes) -> tuple[str, str]:
    """Return reason and message of an error, as far as it has any: some have no reason, or are no JSON."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return "", _words(error)
    listed = error.get("errors")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    return _words(first.get("reason"))[:60], _words(error.get("message")) or _words(first.get("message"))


def _words(value: Any) -> str:
    return "".join(each for each in value[:200] if each.isprintable()) if isinstance(value, str) else ""


def _raise_for_reading(problem: http.HttpError) -> NoReturn:
    if isinstance(problem, http.Refused):
        raise Invalid(str(problem)) from None
    if isinstance(problem, http.TooLarge | http.BadBody):
        raise BadResponse(str(problem)) from None
    raise Transient(f"Google Drive does not answer: {problem}") from None


def _bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    read: bytes = body.encode() if isinstance(body, str) else body.read()
    return read


def _own(headers: Mapping[str, str]) -> dict[str, str]:
    """Leave out what the connection says by itself."""
    ours: Sequence[str] = ("content-length", "accept-encoding", "connection", "host")
    return {name: str(value) for name, value in headers.items() if name.lower() not in ours}


@functools.lru_cache(maxsize=4)
def _service(api_root: str) -> Any:
    """Return the client, built once: it holds no connection, each call brings its own."""
    from googleapiclient.discovery import build_from_document
    from googleapiclient.discovery_cache import get_static_doc

    document = json.loads(get_static_doc("drive", "v3"))
    root = f"{api_root.rstrip('/')}/"
    # By an endpoint alone uploads would go to https, whatever it says.
    document |= {"rootUrl": root, "mtlsRootUrl": root, "baseUrl": f"{root}{document['servicePath']}"}
    return build_from_document(document, http=_Nowhere())


class _Nowhere:
    """Stands where the client wants a connection; nothing is called without one of its own."""

    def request(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise http.Refused("no_access", "This call has no access.")


@functools.lru_cache(maxsize=8)
def _shared_client(process_id: int, base_url: str, deadline: timedelta) -> http.VendorClient:
    """Return the client that keeps connections; a forked child must not write into its parent's."""
    return http.VendorClient(base_url=base_url, deadline=deadline, max_bytes=MAX_ANSWER_BYTES)


__all__ = ["DriveAccess", "GoogleDrive", "ProviderError"]
