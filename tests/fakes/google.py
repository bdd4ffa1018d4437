"""Google on this machine: consent, tokens, and Drive, with memory, an effects log, and answers that go wrong.

    GET  /o/oauth2/v2/auth      consent        POST /token    tokens        POST /revoke
    …    /drive/v3/…            checked against Drive's discovery document
    POST /upload/drive/v3/files multipart and resumable

For whoever plays with it, outside the vendor's API:
    GET  /__fake__/ledger         what was done         GET  /__fake__/attempts   every call, and its fault
    GET  /__fake__/files          all files             GET  /__fake__/problems   what a caller did wrong
    POST /__fake__/script         {"rules": […], "seed": 0}; a rule's `message` is Drive's reason
    POST /__fake__/release        end every hang        POST /__fake__/expire     end every access token
    POST /__fake__/issue          {"subject", "scopes"} → {"access_token", "refresh_token"}
    POST /__fake__/forget         {"subject"}: the person takes the consent back
    POST /__fake__/drives         {"id", "members"}: a Shared Drive

Faults match by `call` (`drive.files.create`, `token`, `revoke`), `name`, `id`, `subject`.
"""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from tests.fakes import google_discovery, google_drive, google_oauth
from tests.fakes.faults import Fault, Rule, Script
from tests.fakes.google_accounts import Person
from tests.fakes.google_discovery import Call
from tests.fakes.google_drive import Drive
from tests.fakes.google_oauth import CLIENT_ID, CLIENT_SECRET, Accounts, Token
from tests.fakes.ledger import Ledger
from tests.fakes.server import Answer, Delivery, LoopbackServer, Request, json_answer

DRIVE_SCOPE = "https://www.googleapis.com/auth/drive.file"
CALENDAR_SCOPE = "https://www.googleapis.com/auth/calendar.events"
ADA = Person("1001", "ada@example.com")

_CONTROL, _UPLOAD = "/__fake__/", "/upload/"


class GoogleFake:
    """A running fake; use it as a context manager. What it did is in `ledger`, each effect once."""

    client_id, client_secret = CLIENT_ID, CLIENT_SECRET

    def __init__(self, *, port: int = 0, ledger_path: Path | None = None) -> None:
        """Bind the port; nothing answers before `start`."""
        self.script = Script()
        self.problems: list[str] = []
        self._ledger, self._attempts = Ledger(ledger_path), Ledger()
        self._server = LoopbackServer(self._respond, port=port)
        self.accounts = Accounts(token_url=self.token_url, person=ADA)
        self.drive = Drive(self._ledger)
        self._uploads: dict[str, tuple[Token, dict[str, Any], str]] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Return the base address, without a slash at its end."""
        return self._server.url

    @property
    def authorize_url(self) -> str:
        """Where browsers go."""
        return f"{self.url}/o/oauth2/v2/auth"

    @property
    def token_url(self) -> str:
        """Where tokens are made."""
        return f"{self._server.url}/token"

    @property
    def settings(self) -> dict[str, str]:
        """Return the product's settings that lead here, by their names in the environment, too."""
        return {
            "GOOGLE_CLIENT_ID": CLIENT_ID,
            "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
            "GOOGLE_AUTHORIZE_URL": self.authorize_url,
            "GOOGLE_TOKEN_URL": self.token_url,
            "GOOGLE_REVOKE_URL": f"{self.url}/revoke",
            "GOOGLE_API_ROOT": f"{self.url}/",
        }

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """Return what was done, in order: files, permissions, deletions."""
        return self._ledger.entries()

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Return every call but the consents, also refused ones: call, name, id, subject, fault, at."""
        return self._attempts.entries()

    def effects(self, effect: str) -> list[dict[str, Any]]:
        """Return the entries of one kind."""
        return [entry for entry in self.ledger if entry["effect"] == effect]

    def doubled_names(self) -> list[str]:
        """Return the names of files that lie in one folder more than once."""
        counts = Counter((entry["parents"][0], entry["name"]) for entry in self.effects("file"))
        return [name for (_, name), count in counts.items() if count > 1]

    def play(self, *rules: Rule, seed: int = 0) -> None:
        """Put these faults in force instead of the ones before; none: everything works."""
        self.script.replace(rules, seed=seed)

    def release(self) -> None:
        """End every hang that is under way."""
        self._server.release()

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.stop()
        self._ledger.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _respond(self, request: Request) -> Answer:
        if request.path.startswith(_CONTROL):
            return self._control(request)
        if request.path == "/o/oauth2/v2/auth":
            return Answer(status=302, headers={"Location": self.accounts.consent(request.query)})
        if request.path in ("/token", "/revoke") and request.method == "POST":
            form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
            facts = {"call": request.path[1:], "grant_type": form.get("grant_type", "")}
            return self._with_faults(facts, lambda: self._oauth(request.path, form))
        call = google_discovery.find(request.method, request.path)
        upload_id = request.query.get("upload_id", "")
        if call is None and not (request.path.startswith(_UPLOAD) and upload_id in self._uploads):
            self.problems.append(f"no such call: {request.method} {request.path}")
            return _error(404, "notFound", "Not Found")
        return self._drive(request, call)

    def _drive(self, request: Request, call: Call | None) -> Answer:
        token = self.accounts.token_of(request.headers.get("authorization", ""))
        try:
            body, content = _parts(request, call)
        except (ValueError, KeyError) as problem:
            self.problems.append(f"body can't be read: {problem}")
            return _error(400, "badRequest", str(problem))
        facts = {
            "call": call.id if call else "drive.files.create",
            "name": str((body or {}).get("name", "")),
            "id": str((body or {}).get("id") or (call.path.get("fileId", "") if call else "")),
            "subject": token.subject if token else "",
        }
        return self._with_faults(facts, lambda: self._carry_out(request, call, token, body, content))

    def _carry_out(
        self, request: Request, call: Call | None, token: Token | None, body: Any, content: bytes
    ) -> Answer:
        if token is None:
            return _error(401, "authError", "Invalid Credentials")
        try:
            if call is None:
                return self._finish_upload(request)
            google_discovery.check(call, request.query, body)
            if call.is_upload and request.query.get("uploadType") == "resumable":
                return self._begin_upload(request, token, body)
            if call.is_upload and call.id == "drive.files.update":
                made = self.drive.replace(token, call.path["fileId"], request.query, body or {}, content)
                return json_answer(google_drive._only(made, request.query.get("fields", "")))
            if call.is_upload:
                made = self.drive.create(token, body, content)
                return json_answer(google_drive._only(made, request.query.get("fields", "")))
            said = self.drive.do(call.id, token, call.path, request.query, body)
        except google_discovery.Wrong as problem:
            self.problems.append(str(problem))
            return _error(400, "badRequest", str(problem))
        except google_drive.Refused as refusal:
            return _error(refusal.status, refusal.reason, refusal.message)
        return Answer(status=204) if said is None else json_answer(said)

    def _begin_upload(self, request: Request, token: Token, body: Any) -> Answer:
        if body.get("id") in self.drive.files:
            return _error(409, "fileIdInUse", "A file already exists with the provided ID.")
        with self._lock:
            upload_id = f"upload{len(self._uploads) + 1}"
            self._uploads[upload_id] = (token, body, request.query.get("fields", ""))
        where = f"{self.url}{request.path}?uploadType=resumable&upload_id={upload_id}"
        return Answer(headers={"Location": where, "X-GUploader-UploadID": upload_id})

    def _finish_upload(self, request: Request) -> Answer:
        token, body, fields = self._uploads[request.query["upload_id"]]
        return json_answer(google_drive._only(self.drive.create(token, body, request.body), fields))

    def _oauth(self, path: str, form: Mapping[str, str]) -> Answer:
        try:
            if path == "/token":
                return json_answer(self.accounts.exchange(form))
            self.accounts.revoke(form.get("token", ""))
            return json_answer({})
        except google_oauth.Refused as refusal:
            return json_answer(
                {"error": refusal.word, "error_description": "Bad Request"}, status=refusal.status
            )

    def _with_faults(self, facts: Mapping[str, str], do: Any) -> Answer:
        rule = self.script.next_fault(facts)
        self._attempts.append({**facts, "fault": rule.fault.value if rule else None, "at": time.time()})
        if rule is None:
            return do()
        match rule.fault:
            case Fault.ERROR:
                wait = {"Retry-After": rule.retry_after} if rule.retry_after else {}
                if facts["call"] in ("token", "revoke"):
                    return json_answer({"error": rule.message}, status=rule.status, headers=wait)
                return _error(rule.status, rule.message, rule.message, headers=wait)
            case Fault.ANSWER:
                return _raw(rule)
            case Fault.RESET_BEFORE_ACCEPT:
                return Answer(delivery=Delivery.RESET)
            case Fault.HOLD:
                self._server.wait_for_release(rule.seconds)
                return do()
        return _spoiled(do(), rule)

    def _control(self, request: Request) -> Answer:
        verb = (request.method, request.path.removeprefix(_CONTROL))
        try:
            return json_answer(self._obey(verb, request.json() or {}))
        except (ValueError, TypeError, KeyError) as problem:
            return json_answer({"error": f"{type(problem).__name__}: {problem}"}, status=400)

    def _obey(self, verb: tuple[str, str], given: Mapping[str, Any]) -> object:
        match verb:
            case ("GET", "ledger"):
                return {"effects": self.ledger}
            case ("GET", "attempts"):
                return {"attempts": self.attempts}
            case ("GET", "files"):
                return {"files": list(self.drive.files.values())}
            case ("GET", "problems"):
                return {"problems": self.problems}
            case ("POST", "script"):
                self.play(*(Rule.from_json(rule) for rule in given["rules"]), seed=given.get("seed", 0))
            case ("POST", "release"):
                self.release()
            case ("POST", "expire"):
                self.accounts.expire()
            case ("POST", "issue"):
                scopes = frozenset(given.get("scopes", [DRIVE_SCOPE]))
                access, refresh = self.accounts.issue(given["subject"], scopes)
                return {"access_token": access, "refresh_token": refresh}
            case ("POST", "forget"):
                self.accounts.forget(given["subject"])
            case ("POST", "drives"):
                self.drive.shared[given["id"]] = set(given.get("members", []))
            case _:
                raise ValueError(f"no such control: {verb}")
        return {"done": True}


def _parts(request: Request, call: Call | None) -> tuple[Any, bytes]:
    """Return what is described, and the bytes. Raises: ValueError."""
    kind = request.headers.get("content-type", "")
    if call is None or not request.body:
        return None, request.body
    if not kind.startswith("multipart/related"):
        return json.loads(request.body), b""
    found = re.search(r'boundary="?([^";]+)', kind)
    if found is None:
        raise ValueError("no boundary")
    mark = b"--" + found[1].encode()
    _, described, content, end = request.body.split(mark)
    if end.strip() != b"--":
        raise ValueError("no end")
    # Google's own client writes bare line feeds.
    bodies = [re.split(rb"\r?\n\r?\n", part, maxsplit=1)[1] for part in (described, content)]
    return json.loads(bodies[0]), re.sub(rb"\r?\n\Z", b"", bodies[1])


def _spoiled(answer: Answer, rule: Rule) -> Answer:
    """Return a wrong answer to what was done."""
    match rule.fault:
        case Fault.ACCEPT_THEN_HANG:
            return Answer(delivery=Delivery.HANG, seconds=rule.seconds)
        case Fault.ACCEPT_THEN_RESET:
            return Answer(delivery=Delivery.RESET)
        case Fault.ACCEPT_THEN_500:
            return Answer(status=500, body=b"<html>Sorry.</html>", content_type="text/html")
        case Fault.ACCEPT_THEN_ANSWER:
            return _raw(rule)
        case Fault.TRICKLE:
            return replace(answer, delivery=Delivery.TRICKLE, seconds=rule.seconds)
    raise ValueError(f"Google knows no {rule.fault}")


def _raw(rule: Rule) -> Answer:
    wait = {"Retry-After": rule.retry_after} if rule.retry_after else {}
    return Answer(status=rule.status, body=rule.body.encode(), content_type=rule.content_type, headers=wait)


def _error(status: int, reason: str, message: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    detail = {"domain": "global", "reason": reason, "message": message}
    body = {"error": {"errors": [detail], "code": status, "message": message}}
    return json_answer(body, status=status, headers=headers)
