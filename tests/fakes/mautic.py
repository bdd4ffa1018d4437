"""Mautic's REST API on this machine: sign-in, contacts, forms, and answers that go wrong.

It can be driven from other processes, below /__fake__: GET effects, attempts, contacts; POST contacts,
submissions, script, quirks, release; DELETE contacts/7. `effects` holds every change of a contact, in order.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from tests.fakes import mautic_validation
from tests.fakes.faults import Fault, Rule, Script
from tests.fakes.ledger import Ledger
from tests.fakes.mautic_rows import Quirks, Rows
from tests.fakes.server import Answer, Delivery, LoopbackServer, Request, json_answer

USER, PASSWORD = "api", "a-fictitious-password"
CLIENT_ID, CLIENT_SECRET = "1_fictitious_client", "a-fictitious-client-secret"
VERSION = "4.4.12"
PAGE = b"<!DOCTYPE html><html><head><title>Error</title></head><body>Sorry.</body></html>"


class MauticFake:
    """A running Mautic; use it as a context manager. `rows` is what it holds, `effects` what was changed.

    Faults match by `method`, `kind` (contacts, contact, edit, submissions, forms, segments, fields, token)
    and `contact`. `violations` are requests that the documentation does not know.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        quirks: Quirks | None = None,
        lifetime: timedelta = timedelta(hours=1),
        effects_path: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Bind the port; nothing answers before `start`."""
        self.script = Script()
        self.rows = Rows(now, quirks or Quirks())
        self.violations: list[str] = []
        self.tokens: dict[str, datetime] = {}
        self.is_client_known = True
        self._lifetime = lifetime
        self._effects = Ledger(effects_path)
        self._attempts = Ledger()
        self._server = LoopbackServer(self._respond, port=port)

    @property
    def url(self) -> str:
        """Return the base address."""
        return self._server.url

    @property
    def authority(self) -> str:
        """Return host and port, as FETCH_ALLOWED_PRIVATE_HOSTS has them."""
        return self.url.removeprefix("http://")

    @property
    def effects(self) -> list[dict[str, Any]]:
        """Return every change of a contact that was asked for: contact, fields, at."""
        return self._effects.entries()

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Return every call, also refused ones: method, kind, contact, status or fault, at."""
        return self._attempts.entries()

    def play(self, *rules: Rule, seed: int = 0) -> None:
        """Put these faults in force instead of the ones before; none: everything works."""
        self.script.replace(rules, seed=seed)

    def behave(self, **quirks: bool) -> None:
        """Change what this Mautic is like."""
        self.rows.quirks = replace(self.rows.quirks, **quirks)

    def people(self, count: int, **values: Any) -> list[int]:
        """Make contacts with names and addresses."""
        return [
            self.rows.add(
                {
                    "firstname": f"Guest {place}",
                    "lastname": "Example",
                    "email": f"guest{place}@people.example",
                    "invitation_link": None,
                    **values,
                }
            )
            for place in range(1, count + 1)
        ]

    def revoke(self) -> None:
        """Let no token count any more; new ones can be had."""
        self.tokens.clear()

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
        self._effects.close()

    def _respond(self, request: Request) -> Answer:
        if request.path.startswith("/__fake__/"):
            return self._controlled(request, request.path.removeprefix("/__fake__/"))
        facts = _facts(request)
        rule = self.script.next_fault(facts)
        answer = self._do(request, facts["kind"]) if rule is None else self._misbehave(rule, request, facts)
        told = rule.fault.value if rule is not None else answer.status
        self._attempts.append({**facts, "answer": told, "at": time.time()})
        if self.rows.quirks.html and answer.status >= 400:
            return replace(answer, body=PAGE, content_type="text/html")
        return replace(answer, headers={"Mautic-Version": VERSION, **answer.headers})

    def _misbehave(self, rule: Rule, request: Request, facts: Mapping[str, str]) -> Answer:
        match rule.fault:
            case Fault.ERROR:
                headers = {"Retry-After": rule.retry_after} if rule.retry_after is not None else {}
                return replace(error(rule.status, rule.message), headers=headers)
            case Fault.ANSWER:
                return _raw(rule)
            case Fault.RESET_BEFORE_ACCEPT:
                return Answer(delivery=Delivery.RESET)
            case Fault.HOLD:
                self._server.wait_for_release(rule.seconds)
                return self._do(request, facts["kind"])
        answer = self._do(request, facts["kind"])
        match rule.fault:
            case Fault.ACCEPT_THEN_HANG:
                return Answer(delivery=Delivery.HANG, seconds=rule.seconds)
            case Fault.ACCEPT_THEN_RESET:
                return Answer(delivery=Delivery.RESET)
            case Fault.ACCEPT_THEN_500:
                return Answer(status=500, body=PAGE, content_type="text/html")
            case Fault.ACCEPT_THEN_ANSWER:
                return _raw(rule)
            case Fault.TRICKLE:
                return replace(answer, delivery=Delivery.TRICKLE, seconds=rule.seconds)
        raise ValueError(f"Mautic knows no {rule.fault}")

    def _do(self, request: Request, kind: str) -> Answer:
        """Do what Mautic does on a good day."""
        if kind == "token":
            return self._token(dict(parse_qsl(request.body.decode())))
        if not request.path.startswith("/api/"):
            return Answer(status=404, body=PAGE, content_type="text/html")
        if not self.rows.quirks.api:
            return error(403, "API disabled. You need to enable the API.", type="api_disabled")
        if not self._is_signed_in(request.headers.get("authorization", "")):
            return denied()
        path = request.path.removeprefix("/api/")
        if problem := mautic_validation.problem_of(request.method, path, request.query):
            self.violations.append(problem)
            return error(400, problem)
        return self._answered(request, path.split("/"), kind)

    def _answered(self, request: Request, parts: list[str], kind: str) -> Answer:
        number = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
        match kind:
            case "contacts":
                return json_answer(self.rows.page_of_contacts(request.query))
            case "contact":
                return self._contact(number)
            case "edit":
                return self._edit(number, request)
            case "submissions":
                found = self.rows.page_of_submissions(number, request.query)
                return json_answer(found) if found is not None else error(404, "Item was not found.")
            case "fields":
                return json_answer(self.rows.described())
            case "forms":
                forms = [{"id": pk, "name": name, "alias": "f"} for pk, name in self.rows.forms.items()]
                return json_answer({"total": len(forms), "forms": forms})
            case "segments":
                lists = {
                    str(place): {"id": place, "name": alias.title(), "alias": alias}
                    for place, alias in enumerate(self.rows.segments, 1)
                }
                return json_answer({"total": len(lists), "lists": lists or []})
        return error(404, "Not found.")

    def _contact(self, number: int) -> Answer:
        contact = self.rows.contact(number)
        return error(404, "Item was not found.") if contact is None else json_answer({"contact": contact})

    def _edit(self, number: int, request: Request) -> Answer:
        is_json = "json" in request.headers.get("content-type", "")
        body = request.json() if is_json else dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if not isinstance(body, dict):
            return error(400, "The body can't be read.")
        with self.rows.lock:
            told = self.rows.edit(number, body, clears=request.method == "PUT")
            if told is None:
                return error(404, "Item was not found.")
            self._effects.append({"contact": number, "fields": told, "at": time.time()})
            return self._contact(number)

    def _token(self, form: Mapping[str, str]) -> Answer:
        given = (form.get("grant_type"), form.get("client_id"), form.get("client_secret"))
        if not self.is_client_known or given != ("client_credentials", CLIENT_ID, CLIENT_SECRET):
            body = {"error": "invalid_client", "error_description": "The client credentials are invalid"}
            return json_answer(body, status=400)
        with self.rows.lock:
            token = f"token-{len(self.attempts)}-{len(self.tokens)}"
            self.tokens[token] = self.rows.now() + self._lifetime
        seconds = int(self._lifetime.total_seconds())
        return json_answer(
            {"access_token": token, "expires_in": seconds, "token_type": "bearer", "scope": ""}
        )

    def _is_signed_in(self, authorization: str) -> bool:
        scheme, _, value = authorization.partition(" ")
        if scheme == "Bearer":
            return self.tokens.get(value, datetime.min.replace(tzinfo=UTC)) > self.rows.now()
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return self.rows.quirks.basic and (scheme, value) == ("Basic", expected)

    def _controlled(self, request: Request, what: str) -> Answer:
        body = request.json() or {}
        match request.method, what.partition("/")[0]:
            case "GET", "effects":
                return json_answer(self.effects)
            case "GET", "attempts":
                return json_answer(self.attempts)
            case "GET", "contacts":
                return json_answer({str(pk): each.values for pk, each in self.rows.contacts.items()})
            case "POST", "contacts":
                return json_answer({"id": self.rows.add(body)})
            case "DELETE", "contacts":
                self.rows.delete(int(what.partition("/")[2]))
            case "POST", "submissions":
                number = self.rows.submit(body["form"], body["contact"], body.get("results", {}))
                return json_answer({"id": number})
            case "POST", "script":
                self.play(*(Rule.from_json(rule) for rule in body["rules"]), seed=body.get("seed", 0))
            case "POST", "quirks":
                self.behave(**body)
            case "POST", "release":
                self.release()
            case _:
                return error(404, "no such control")
        return json_answer({})


def error(status: int, message: str, *, type: str | None = None) -> Answer:
    """Make an error as Mautic writes it from 2.6 on."""
    return json_answer({"errors": [{"message": message, "code": status, "type": type}]}, status=status)


def denied() -> Answer:
    """Make the answer to a refused sign-in, in all three shapes at once."""
    said = "API authorization denied."
    return json_answer(
        {
            "errors": [{"message": said, "code": 401, "type": "access_denied"}],
            "error": "access_denied",
            "error_description": said,
        },
        status=401,
    )


def signature(body: bytes, secret: str) -> str:
    """Sign a webhook's body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def webhook(rows: Rows, submissions: list[int]) -> bytes:
    """Write the webhook that tells of submissions, several in one call."""
    told = [rows._written_submission(rows.submissions[number]) for number in submissions]
    events = [{"submission": each, "timestamp": each["dateSubmitted"]} for each in told]
    return json.dumps({"mautic.form_on_submit": events}).encode()


def _facts(request: Request) -> dict[str, str]:
    """Name what a rule can match."""
    parts = request.path.removeprefix("/api/").strip("/").split("/")
    contact = parts[1] if parts[0] == "contacts" and len(parts) > 1 and parts[1].isdigit() else ""
    kind = parts[0]
    if request.path == "/oauth/v2/token":
        kind = "token"
    elif contact:
        kind = "edit" if parts[-1] == "edit" else "contact"
    elif parts[-1] in ("submissions", "fields"):
        kind = parts[-1]
    return {"method": request.method, "kind": kind, "contact": contact}


def _raw(rule: Rule) -> Answer:
    headers = {"Retry-After": rule.retry_after} if rule.retry_after is not None else {}
    return Answer(
        status=rule.status, body=rule.body.encode(), content_type=rule.content_type, headers=headers
    )
