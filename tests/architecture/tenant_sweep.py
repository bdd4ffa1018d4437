"""Asks for one organization's rows as a member of another: each operation, each place, each credential."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rest_framework.test import APIClient

from chatboost.core import clock
from chatboost.messaging.models import Channel, Contact, ContactAttribute
from teams.api.permissions import Person, PersonInOrganization
from tests.architecture import dumps
from tests.architecture.dumps import Dump
from tests.architecture.operations import PHONES, Operation, Request, Slot
from tests.architecture.tenants import PREFIX, Tenants, scratch

# What a place answers to a foreign id, where it is not the usual: 404 in a path, 400 in a body, and a filter
# that finds nothing.
ANSWERS: dict[tuple[str, str], int] = {
    # Says how many of them it changed: none.
    ("dead_letters_create", "body ids.0"): 200,
    ("notifications_bulk_action_create", "body ids.0"): 200,
    # Nobody is told who has an account.
    ("team_members_create", "body user_id"): 422,
    # No such member.
    ("team_organizations_transfer_ownership_create", "body user_id"): 404,
    # Must be the path's, whoever's it is.
    ("flows_executions_input_create", "body execution_id"): 400,
}
# What the caller's own rows are refused for, though the request is valid: operation → code.
REFUSALS = {
    # Ends where it began: in a browser's session.
    "authorize": "session_required",
    "oauth2callback": "state_missing",
    # An invented key is none of Google's.
    "team_connections_create": "invalid_service_account_key",
    "auth_token_mfa": "invalid_mfa_token",
    "compression_cancel": "already_finished",
    # The file is no image.
    "compression_image": "not_found",
    # A form with a file is no JSON.
    "compression_upload": "validation_failed",
    "auth_token_refresh": "invalid_refresh_token",
    "flows_executions_cancel_create": "execution_ended",
    "flows_executions_input_create": "execution_ended",
    "flows_executions_resume_create": "execution_ended",
    # There is no card yet, which the page says to people.
    "invitations_card": "",
    "invitations_card_image": "not_found",
    # A form with a file is no JSON.
    "invitations_assets_create": "validation_failed",
    "invitations_sources_upload_create": "validation_failed",
    "invitations_batches_cancel_create": "already_finished",
    "invitations_batches_pause_create": "not_running",
    "invitations_batches_resume_create": "not_paused",
    "invitations_batches_start_create": "not_a_draft",
    "invitations_batches_partial_update": "not_a_draft",
    "invitations_batches_update": "not_a_draft",
    "invitations_crop_create": "no_photo",
    "invitations_resolve_create": "no_conflict",
    # A batch is of this layout, and of this source.
    "invitations_layouts_destroy": "in_use",
    "invitations_sources_destroy": "source_in_use",
    # The file is no picture.
    "invitations_picture": "not_found",
    "team_invitations_accept": "invite_not_found",
    "team_members_create": "already_member",
    "team_members_destroy": "last_owner",
    "team_members_update": "last_owner",
    # A body of DELETE is not in the document.
    "team_organizations_destroy": "validation_failed",
    "team_organizations_transfer_ownership_create": "same_user",
}


# Whoever calls these has signed the call.
SIGNED = {"compression_webhook_completed", "invitations_mautic_webhook"}
# Where a view itself refuses keys: whoever has no account yet may come, too.
FOR_PEOPLE = {"team_invitations_accept"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody of the other organization. `is_person` tells a user from a key."""

    name: str
    client: APIClient = field(repr=False)
    is_person: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, headers and body read to the end."""

    status: int
    head: str
    body: str

    @classmethod
    def of(cls, response: Any) -> "Answer":
        """Read a response."""
        body = b"".join(response.streaming_content) if response.streaming else response.content
        head = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        return cls(response.status_code, head, body.decode(errors="replace"))

    @property
    def is_success(self) -> bool:
        """Whether the request did what it was for."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The problem document's word."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return ""
        return str(found.get("code", "")) if isinstance(found, dict) else ""


@dataclass
class Sweep:
    """One caller's way. `problems` are leaks, changes, and answers that are not as pinned."""

    tenants: Tenants
    caller: Caller
    problems: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    exercised: set[tuple[str, str]] = field(default_factory=set)
    _before: Dump = field(default_factory=dict)

    def run(self, operations: Iterable[Operation]) -> "Sweep":
        """Ask for everything, at one moment: once a minute it is noted that the credential is used."""
        with clock.frozen(clock.now()):
            # Notes it, which is no change of anything.
            self.caller.client.get("/auth/me")
            self._before = dumps.take()
            for operation in operations:
                self.done["operations"] += 1
                self._ask_for_own(operation)
                for slot in operation.slots:
                    self._ask_for_foreign(operation, slot)
                self._search(operation)
                self._name_the_organization(operation)
        return self

    def _ask_for_own(self, operation: Operation) -> None:
        """Prove that the request is valid, so that a refusal is about whose row it is."""
        request = operation.request(self.tenants.b)
        with scratch():
            answer = self._ask(request)
        if answer.is_success or answer.code == REFUSALS.get(operation.id):
            return
        if not self.caller.is_person and answer.code == "user_required" and _is_for_people(operation):
            return
        if is_vendors_door(operation) and answer.status in (401, 403):
            return
        self._blame(request, answer, "is refused to its owner")

    def _ask_for_foreign(self, operation: Operation, slot: Slot) -> None:
        request = operation.request(self.tenants.b).with_slot(slot, slot.value(self.tenants.a))
        self.exercised.add((operation.id, str(slot)))
        with scratch():
            answer = self._ask(request)
            if changes := dumps.difference(self._before, dumps.take()):
                self._blame(request, answer, f"changed {changes}")
        if answer.status not in self._expected(operation, slot):
            self._blame(request, answer, f"answers {slot}, expected {self._expected(operation, slot)}")

    def _search(self, operation: Operation) -> None:
        """Put words of the other organization wherever words may stand in the address."""
        for each in operation.parameters:
            name, schema = each["name"], each["schema"]
            if each["in"] == "header" or schema.get("type") != "string" or "enum" in schema:
                continue
            request = operation.request(self.tenants.b)
            if each["in"] == "query":
                for word in self._words(operation, name):
                    self._search_for(request.with_query(**{name: word}))
            elif name in PHONES | {"key"}:
                slot = Slot("path", name, Contact)
                for word in self._words(operation, name):
                    self._search_for(request.with_slot(slot, word))

    def _search_for(self, request: Request) -> None:
        self.done["searches"] += 1
        with scratch():
            answer = self._ask(request)
            if touched := dumps.moved(self._before, dumps.take()) & self.tenants.a.keys:
                self._blame(request, answer, f"changed {touched}")

    def _words(self, operation: Operation, name: str) -> list[str]:
        contact: Any = self.tenants.a.row(Contact)
        attribute: Any = self.tenants.a.row(ContactAttribute)
        channel: Any = self.tenants.a.row(Channel)
        if name in PHONES:
            return [contact.phone]
        if name == "ordering":
            fields = getattr(operation.view, "ordering_fields", None) or []
            return [*fields, *(f"-{each}" for each in fields), "organization__name", "organization_id"]
        return {
            "key": [attribute.key],
            "email": [contact.email],
            "search": [PREFIX, contact.phone, channel.external_id],
        }.get(name, [PREFIX])

    def _name_the_organization(self, operation: Operation) -> None:
        """Say in the header that the request is about the other organization."""
        request = operation.request(self.tenants.b)
        self.done["requests in its name"] += 1
        with scratch():
            answer = self._ask(request, HTTP_X_ORGANIZATION=self.tenants.a.organization.slug)
            if touched := dumps.moved(self._before, dumps.take()) & self.tenants.a.keys:
                self._blame(request, answer, f"changed {touched}")
        is_refused = answer.code == "organization_not_found"
        if self.caller.is_person and not is_refused and not _is_open(operation):
            self._blame(request, answer, "is answered in the other organization's name")

    def _ask(self, request: Request, **headers: str) -> Answer:
        """Send it; report what the answer gives away, and every mistake of ours."""
        self.done["requests"] += 1
        answer = Answer.of(request.send(self.caller.client, **headers))
        sent = f"{request.sent} {' '.join(headers.values())}"
        text = f"{answer.head}\n{answer.body}"
        if found := self.tenants.a.found_in(text, sent=sent):
            self._blame(request, answer, f"gives away {found}: {around(text, found[0])}")
        if answer.status >= 500:
            self._blame(request, answer, "fails")
        return answer

    def _expected(self, operation: Operation, slot: Slot) -> set[int]:
        if not self.caller.is_person and _is_for_people(operation):
            return {403}
        if is_vendors_door(operation):
            return {401, 403}
        usual = {"path": 404, "body": 400, "query": 200 if operation.method == "get" else 404}
        return {ANSWERS.get((operation.id, str(slot)), usual[slot.place])}

    def _blame(self, request: Request, answer: Answer, why: str) -> None:
        self.problems.append(
            f"{request.operation} ({request.operation.id}) by {self.caller.name} {why}\n"
            f"    sent {request.sent[:300]}\n    got {answer.status} {answer.body[:300]}"
        )


def missing(operations: Iterable[Operation], exercised: set[tuple[str, str]]) -> Iterator[str]:
    """Yield every place for a row that nobody has tried."""
    for operation in operations:
        yield from operation.unclassified()
        for slot in operation.slots:
            if (operation.id, str(slot)) not in exercised:
                yield f"{operation}: {slot}"


def is_vendors_door(operation: Operation) -> bool:
    """Tell whether the caller is known by a signature, as vendors are: nobody's credentials count there."""
    return operation.view is None or operation.id in SIGNED


def _is_for_people(operation: Operation) -> bool:
    return operation.id in FOR_PEOPLE or any(
        isinstance(each, (Person, PersonInOrganization)) for each in _permissions(operation)
    )


def _is_open(operation: Operation) -> bool:
    return is_vendors_door(operation) or not operation.view.authentication_classes


def _permissions(operation: Operation) -> list[Any]:
    if operation.view is None:
        return []
    view = operation.view()
    view.action = operation.action
    return list(view.get_permissions())


def around(text: str, word: str) -> str:
    """Return where in a text a word stands."""
    at = text.lower().index(word)
    return " ".join(text[max(0, at - 100) : at + 100].split())
