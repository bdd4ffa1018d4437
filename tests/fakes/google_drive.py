"""Google Drive's memory: ids, files, folders, permissions, Shared Drives. State only; no network.

Source: Drive v3, "Create and manage files", "Share files", "Resolve errors" (2025-11).
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.google_oauth import Token
from tests.fakes.ledger import Ledger

FOLDER = "application/vnd.google-apps.folder"
SCOPES = {"https://www.googleapis.com/auth/drive.file", "https://www.googleapis.com/auth/drive"}
ALWAYS = ("kind", "id", "name", "mimeType")


class Refused(Exception):
    """A refusal with Drive's reason."""

    def __init__(self, status: int, reason: str, message: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.message = message or reason


@dataclass
class Drive:
    """All files of everybody, by id. `ledger` has what was done: file, permission, deleted."""

    ledger: Ledger
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Shared Drives, each with the subjects that may write there.
    shared: dict[str, set[str]] = field(default_factory=dict)
    # Whose storage is full.
    full: set[str] = field(default_factory=set)
    _ids: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def do(
        self, call: str, token: Token, path: Mapping[str, str], query: Mapping[str, str], body: Any
    ) -> Any:
        """Carry a call out, and return what it answers. Raises: Refused."""
        if not token.scopes & SCOPES:
            raise Refused(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        fields = query.get("fields", "")
        match call:
            case "drive.files.generateIds":
                return self._generate(int(query.get("count", "10")))
            case "drive.files.create":
                return _only(self.create(token, body or {}, b""), fields)
            case "drive.files.get":
                return _only(self._get(token, path["fileId"], query), fields)
            case "drive.files.delete":
                return self._delete(token, path["fileId"], query)
            case "drive.files.list":
                return self._list(token)
            case "drive.permissions.create":
                return _only(self._share(token, path["fileId"], query, body), fields)
        raise Refused(501, "notImplemented", f"This fake knows no {call}.")

    def create(self, token: Token, body: Mapping[str, Any], content: bytes) -> dict[str, Any]:
        """Make a file or folder. Raises: Refused."""
        with self._lock:
            identity = body.get("id") or self._new_id()
            if identity in self.files:
                raise Refused(409, "fileIdInUse", "A file already exists with the provided ID.")
            if identity not in self._ids:
                raise Refused(400, "invalid", "The provided file ID is not usable.")
            drive_id = self._drive_of(token, body.get("parents") or [])
            if not drive_id and (token.is_service or token.subject in self.full):
                raise Refused(
                    403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded."
                )
            is_folder = body.get("mimeType") == FOLDER
            made = {
                "kind": "drive#file",
                "id": identity,
                "name": body.get("name", "Untitled"),
                "mimeType": body.get("mimeType", "application/octet-stream"),
                "parents": body.get("parents") or ["root"],
                "appProperties": dict(body.get("appProperties") or {}),
                "webViewLink": _link(identity, is_folder=is_folder),
                "size": str(len(content)),
                "trashed": False,
                "owner": token.subject,
                "permissions": [],
                "capabilities": {"canAddChildren": is_folder},
                **({"driveId": drive_id} if drive_id else {}),
            }
            self.files[identity] = made
            told = {name: made[name] for name in ("id", "name", "mimeType", "parents", "appProperties")}
            digest = hashlib.sha256(content).hexdigest()
            self.ledger.append(
                {"effect": "file", **told, "size": len(content), "sha256": digest, "at": time.time()}
            )
            return made

    def replace(
        self, token: Token, identity: str, query: Mapping[str, str], body: Mapping[str, Any], content: bytes
    ) -> dict[str, Any]:
        """Put other bytes into a file. Raises: Refused."""
        with self._lock:
            made = self._known(token, identity)
            self._require_all_drives(made, identity, query)
            made["name"] = body.get("name", made["name"])
            made["size"] = str(len(content))
            digest = hashlib.sha256(content).hexdigest()
            self.ledger.append(
                {
                    "effect": "replaced",
                    "id": identity,
                    "name": made["name"],
                    "sha256": digest,
                    "at": time.time(),
                }
            )
            return made

    def _generate(self, count: int) -> dict[str, Any]:
        ids = [self._new_id() for _ in range(count)]
        return {"kind": "drive#generatedIds", "space": "drive", "ids": ids}

    def _new_id(self) -> str:
        made = f"1{secrets.token_urlsafe(24)}"
        self._ids.add(made)
        return made

    def _drive_of(self, token: Token, parents: list[str]) -> str:
        """Return the Shared Drive that the parents lie in, "" for one's own. Raises: Refused."""
        for parent in parents:
            if parent in self.shared:
                if token.subject not in self.shared[parent]:
                    raise _not_found(parent)
                return parent
            if parent != "root":
                return str(self._known(token, parent).get("driveId", ""))
        return ""

    def _get(self, token: Token, identity: str, query: Mapping[str, str]) -> dict[str, Any]:
        if identity in self.shared and token.subject in self.shared[identity]:
            self._require_all_drives({"driveId": identity}, identity, query)
            capabilities = {"canAddChildren": True}
            return {
                "id": identity,
                "driveId": identity,
                "mimeType": FOLDER,
                "trashed": False,
                "capabilities": capabilities,
            }
        found = self._known(token, identity)
        self._require_all_drives(found, identity, query)
        return found

    def _delete(self, token: Token, identity: str, query: Mapping[str, str]) -> None:
        with self._lock:
            self._require_all_drives(self._known(token, identity), identity, query)
            del self.files[identity]
            self.ledger.append({"effect": "deleted", "id": identity, "at": time.time()})

    def _list(self, token: Token) -> dict[str, Any]:
        own = [_only(each, "") for each in self.files.values() if each["owner"] == token.subject]
        return {"kind": "drive#fileList", "incompleteSearch": False, "files": own}

    def _share(self, token: Token, identity: str, query: Mapping[str, str], body: Any) -> dict[str, Any]:
        if not isinstance(body, dict) or not body.get("type") or not body.get("role"):
            raise Refused(400, "required", "The permission type and role fields are required.")
        with self._lock:
            found = self._known(token, identity)
            self._require_all_drives(found, identity, query)
            identities = {"anyone": "anyoneWithLink"}
            made = {
                "kind": "drive#permission",
                "id": identities.get(body["type"], secrets.token_hex(8)),
                "type": body["type"],
                "role": body["role"],
            }
            if made not in found["permissions"]:
                found["permissions"].append(made)
            self.ledger.append({"effect": "permission", "file_id": identity, **made, "at": time.time()})
            return made

    def _known(self, token: Token, identity: str) -> dict[str, Any]:
        found = self.files.get(identity)
        members = self.shared.get(str(found.get("driveId", "")), set()) if found else set()
        if found is None or (found["owner"] != token.subject and token.subject not in members):
            raise _not_found(identity)
        return found

    def _require_all_drives(self, found: Mapping[str, Any], identity: str, query: Mapping[str, str]) -> None:
        """Who does not say that they know Shared Drives does not see what lies there."""
        if found.get("driveId") and query.get("supportsAllDrives") != "true":
            raise _not_found(identity)


def _not_found(identity: str) -> Refused:
    return Refused(404, "notFound", f"File not found: {identity}.")


def _link(identity: str, *, is_folder: bool) -> str:
    if is_folder:
        return f"https://drive.google.com/drive/folders/{identity}"
    return f"https://drive.google.com/file/d/{identity}/view?usp=drivesdk"


def _only(made: Mapping[str, Any], fields: str) -> dict[str, Any]:
    """Return the fields that were asked for; few, if none were."""
    names = [each.partition("(")[0] for each in fields.split(",")] if fields else ALWAYS
    return {name: made[name] for name in names if name in made}
