"""Meta's Graph API as far as sending on WhatsApp needs it, with memory, faults and status webhooks.

    POST /{version}/{phone_number_id}/messages     send
    GET  /{version}/{phone_number_id}              the number's own record

For whoever plays with it, outside the vendor's API:
    GET  /__fake__/ledger         accepted sends      GET  /__fake__/attempts   every request to send
    GET  /__fake__/webhooks       delivery counts     POST /__fake__/script     {"rules": […], "seed": 0}
    POST /__fake__/release        end every hold      POST /__fake__/numbers    {"id", "state", …}
    POST /__fake__/statuses       a StatusPlan        POST /__fake__/deliver    any webhook body, signed
"""

import base64
import random
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fakes import graph_validation, whatsapp_webhooks
from tests.fakes.faults import Fault, Rule, Script
from tests.fakes.ledger import Ledger
from tests.fakes.server import Answer, Delivery, LoopbackServer, Request, json_answer
from tests.fakes.webhook_sender import WebhookSender

DEFAULT_TOKEN = "fake-access-token"
DEFAULT_NUMBER_ID = "100000000000001"

_NODE = re.compile(r"/v[0-9]+\.[0-9]+/([0-9]+)(/messages)?")
_CONTROL = "/__fake__/"


class NumberState(StrEnum):
    """What Graph thinks of a phone number."""

    CONNECTED = "connected"
    UNREGISTERED = "unregistered"
    RESTRICTED = "restricted"


_STATE_ERRORS = {
    NumberState.UNREGISTERED: (133010, "Phone number not registered"),
    NumberState.RESTRICTED: (131031, "Business Account has been locked"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumber:
    """One business phone number and the token that may use it."""

    id: str = DEFAULT_NUMBER_ID
    access_token: str = DEFAULT_TOKEN
    display_phone_number: str = "+1 555-0100"
    verified_name: str = "Fiction Flowers"
    quality_rating: str = "GREEN"
    state: NumberState = NumberState.CONNECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPlan:
    """Which statuses follow an accepted message, and how.

    Each comes `delay` (shortest, longest) seconds after the one before it, `copies` times; `shuffle` lets
    them come in any order. No words: no webhooks.
    """

    words: Sequence[str] = ("sent", "delivered", "read")
    delay: tuple[float, float] = (0.0, 0.0)
    shuffle: bool = False
    copies: int = 1

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read a plan; absent fields keep their default."""
        fields = dict(value)
        if "delay" in fields:
            shortest, longest = fields["delay"]
            fields["delay"] = (float(shortest), float(longest))
        return cls(**fields)


class GraphFake:
    """A running fake; use it as a context manager. Everything it accepted is in `ledger`."""

    def __init__(
        self,
        *,
        port: int = 0,
        numbers: Sequence[PhoneNumber] = (PhoneNumber(),),
        app_secret: str = "fake-app-secret",
        webhook_url: str | None = None,
        webhook_workers: int = 1,
        statuses: StatusPlan | None = None,
        silent_numbers: Collection[str] = (),
        ledger_path: Path | None = None,
        seed: int = 0,
    ) -> None:
        """Bind the port; nothing answers before `start`. Silent numbers report no statuses."""
        self.statuses = statuses or StatusPlan()
        self.script = Script()
        self._silent_numbers = frozenset(silent_numbers)
        self._numbers = {number.id: number for number in numbers}
        self._ledger = Ledger(ledger_path)
        self._attempts = Ledger()
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._server = LoopbackServer(self._respond, port=port)
        self._sender: WebhookSender | None = None
        if webhook_url is not None:
            self._sender = WebhookSender(
                webhook_url,
                lambda body: {"X-Hub-Signature-256": whatsapp_webhooks.sign(body, app_secret)},
                workers=webhook_workers,
            )

    @property
    def url(self) -> str:
        """Return the base address, to use in place of https://graph.facebook.com."""
        return self._server.url

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """Return accepted sends in order: wamid, tracker, to, phone_number_id, body, at (Unix seconds)."""
        return self._ledger.entries()

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Return every request to send, also refused ones: tracker, to, phone_number_id, fault, at."""
        return self._attempts.entries()

    def doubled_trackers(self) -> list[str]:
        """Return the trackers that were accepted more than once."""
        counts = Counter(entry["tracker"] for entry in self.ledger)
        return [tracker for tracker, count in counts.items() if count > 1]

    def play(self, *rules: Rule, seed: int = 0) -> None:
        """Put these faults in force instead of the ones before; none: everything works."""
        self.script.replace(rules, seed=seed)

    def set_number(self, number: PhoneNumber) -> None:
        """Add a phone number or change it."""
        with self._lock:
            self._numbers[number.id] = number

    def deliver(self, delivery: Mapping[str, Any], *, delay: float = 0.0) -> None:
        """Post any webhook delivery, signed.

        Raises:
            RuntimeError: the fake has no webhook address.
        """
        if self._sender is None:
            raise RuntimeError("This fake has no webhook address.")
        self._sender.post(whatsapp_webhooks.encode(delivery), delay=delay)

    def wait_until_webhooks_are_delivered(self, timeout: float = 10.0) -> bool:
        """Say whether every webhook so far was answered with success within `timeout` seconds."""
        return self._sender is None or self._sender.wait_until_idle(timeout)

    def release(self) -> None:
        """End every hold and hang that is under way."""
        self._server.release()

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self) -> None:
        """Stop answering and posting."""
        self._server.stop()
        if self._sender is not None:
            self._sender.stop()
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
        match = _NODE.fullmatch(request.path)
        if match is None:
            return _error(400, 2500, "Unknown path components: " + request.path)
        number_id, is_send = match.group(1), match.group(2) is not None
        if is_send and request.method == "POST":
            return self._send(request, number_id)
        if not is_send and request.method == "GET":
            return self._show_number(request, number_id)
        return _error(400, 100, "Unsupported request")

    def _send(self, request: Request, number_id: str) -> Answer:
        body = request.json()
        facts = _facts(body, number_id)
        rule = self.script.next_fault(facts)
        self._attempts.append({**facts, "fault": rule.fault.value if rule else None, "at": time.time()})
        if rule is None:
            return self._accept(request, number_id, body)
        if rule.fault is Fault.HOLD:
            self._server.wait_for_release(rule.seconds)
            return self._accept(request, number_id, body)
        before = _refusal_of(rule)
        if before is not None:
            return before
        answer = self._accept(request, number_id, body, failure=_failure_of(rule))
        return answer if answer.status >= 400 else _spoil(answer, rule)

    def _accept(self, request: Request, number_id: str, body: Any, failure: int | None = None) -> Answer:
        """Do what Graph does on a good day: check, write down, answer, report later."""
        refusal = self._refuse_access(request, number_id)
        if refusal is not None:
            return refusal
        try:
            graph_validation.check(body)
        except graph_validation.Refused as problem:
            return _error(400, problem.code, "Parameter value is not valid", details=problem.details)
        entry = {
            "wamid": "wamid." + base64.b64encode(uuid.uuid4().bytes).decode(),
            **_facts(body, number_id),
            "body": body,
            "at": time.time(),
        }
        self._ledger.append(entry)
        self._report(entry, failure)
        return json_answer(_accepted_body(entry))

    def _refuse_access(self, request: Request, number_id: str) -> Answer | None:
        with self._lock:
            number = self._numbers.get(number_id)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if number is None:
            return _error(
                400, 100, f"Unsupported post request. Object with ID '{number_id}' does not exist", subcode=33
            )
        if token != number.access_token:
            return _error(401, 190, "Invalid OAuth access token - Cannot parse access token")
        if number.state in _STATE_ERRORS:
            code, message = _STATE_ERRORS[number.state]
            return _error(400, code, message)
        return None

    def _show_number(self, request: Request, number_id: str) -> Answer:
        refusal = self._refuse_access(request, number_id)
        if refusal is not None:
            return refusal
        number = self._numbers[number_id]
        record = {
            "id": number.id,
            "display_phone_number": number.display_phone_number,
            "verified_name": number.verified_name,
            "quality_rating": number.quality_rating,
        }
        wanted = request.query.get("fields")
        names = {"id", *wanted.split(",")} if wanted else set(record)
        return json_answer({name: value for name, value in record.items() if name in names})

    def _report(self, entry: Mapping[str, Any], failure: int | None) -> None:
        """Schedule the status webhooks of an accepted message."""
        if self._sender is None or entry["phone_number_id"] in self._silent_numbers:
            return
        plan = self.statuses
        words = ["failed"] if failure is not None else list(plan.words)
        with self._lock:
            pauses = [self._random.uniform(*plan.delay) for _ in words]
            # Graph stamps each status when it happens, so shuffled ones keep the stamps of their own order.
            order = self._random.sample(range(len(words)), len(words)) if plan.shuffle else range(len(words))
        posts = [
            (
                self._status_body(entry, word, int(entry["at"]) + position, failure),
                sum(pauses[: order[position] + 1]),
            )
            for position, word in enumerate(words)
        ]
        self._sender.post_all(posts * plan.copies)

    def _status_body(self, entry: Mapping[str, Any], word: str, timestamp: int, failure: int | None) -> bytes:
        status = whatsapp_webhooks.status(
            wamid=entry["wamid"],
            word=word,
            recipient=entry["to"].lstrip("+"),
            timestamp=timestamp,
            tracker=entry["tracker"] or None,
            error_code=failure,
        )
        return whatsapp_webhooks.encode(
            whatsapp_webhooks.delivery(entry["phone_number_id"], statuses=[status])
        )

    def _control(self, request: Request) -> Answer:
        verb = (request.method, request.path.removeprefix(_CONTROL))
        try:
            return json_answer(self._obey(verb, request.json()))
        except (ValueError, TypeError, KeyError, RuntimeError) as problem:
            return json_answer({"error": f"{type(problem).__name__}: {problem}"}, status=400)

    def _obey(self, verb: tuple[str, str], given: Any) -> object:
        match verb:
            case ("GET", "ledger"):
                return {"sends": self.ledger}
            case ("GET", "attempts"):
                return {"attempts": self.attempts}
            case ("GET", "webhooks"):
                sender = self._sender
                return {
                    "delivered": sender.delivered_count if sender else 0,
                    "refused": sender.refused_count if sender else 0,
                }
            case ("POST", "script"):
                self.play(*(Rule.from_json(rule) for rule in given["rules"]), seed=given.get("seed", 0))
            case ("POST", "release"):
                self.release()
            case ("POST", "numbers"):
                state = NumberState(given.get("state", NumberState.CONNECTED))
                self.set_number(replace(PhoneNumber(**{**given, "state": state})))
            case ("POST", "statuses"):
                self.statuses = StatusPlan.from_json(given)
            case ("POST", "deliver"):
                self.deliver(given)
            case _:
                raise ValueError(f"There is no {verb[0]} {_CONTROL}{verb[1]}")
        return {"ok": True}


def _facts(body: Any, number_id: str) -> dict[str, str]:
    """Name what a rule can match and a ledger should show."""
    fields = body if isinstance(body, dict) else {}
    return {
        "tracker": str(fields.get("biz_opaque_callback_data") or ""),
        "to": str(fields.get("to") or fields.get("recipient") or ""),
        "type": str(fields.get("type") or ""),
        "phone_number_id": number_id,
    }


def _accepted_body(entry: Mapping[str, Any]) -> dict[str, Any]:
    body = entry["body"]
    contact = (
        {"input": body["to"], "wa_id": "".join(c for c in body["to"] if c.isdecimal())}
        if body.get("to")
        else {"input": body["recipient"], "user_id": body["recipient"]}
    )
    message = {"id": entry["wamid"]}
    if body.get("type") == "template":
        message["message_status"] = "accepted"
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}


def _refusal_of(rule: Rule) -> Answer | None:
    """Return the answer of a fault that comes before anything is done."""
    headers = {"Retry-After": rule.retry_after} if rule.retry_after is not None else {}
    match rule.fault:
        case Fault.ERROR:
            return replace(_error(rule.status, rule.code or 131000, rule.message), headers=headers)
        case Fault.ANSWER:
            return _raw(rule, headers)
        case Fault.RESET_BEFORE_ACCEPT:
            return Answer(delivery=Delivery.RESET)
        case _:
            return None


def _failure_of(rule: Rule) -> int | None:
    return (rule.code or 131026) if rule.fault is Fault.ACCEPT_THEN_FAIL else None


def _spoil(answer: Answer, rule: Rule) -> Answer:
    """Return what the client sees of work that was done."""
    match rule.fault:
        case Fault.ACCEPT_THEN_HANG:
            return Answer(delivery=Delivery.HANG, seconds=rule.seconds)
        case Fault.ACCEPT_THEN_500:
            return Answer(
                status=500, body=b"<html>Sorry, something went wrong.</html>", content_type="text/html"
            )
        case Fault.ACCEPT_THEN_RESET:
            return Answer(delivery=Delivery.RESET)
        case Fault.ACCEPT_THEN_ANSWER:
            return _raw(rule, {})
        case Fault.TRICKLE:
            return replace(answer, delivery=Delivery.TRICKLE, seconds=rule.seconds)
        case _:
            return answer


def _raw(rule: Rule, headers: Mapping[str, str]) -> Answer:
    return Answer(
        status=rule.status, body=rule.body.encode(), content_type=rule.content_type, headers=headers
    )


def _error(
    status: int, code: int, message: str, *, details: str | None = None, subcode: int | None = None
) -> Answer:
    """Make Graph's error envelope."""
    error: dict[str, Any] = {
        "message": f"(#{code}) {message}",
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "AFakeTraceId",
    }
    if details is not None:
        error["error_data"] = {"messaging_product": "whatsapp", "details": details}
    if subcode is not None:
        error["error_subcode"] = subcode
    return json_answer({"error": error}, status=status)
