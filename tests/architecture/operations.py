"""The operations of the OpenAPI document, and in which places of a request the number of a row can stand."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode

from django.db.models import Model
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from chatboost.core.models import File
from chatboost.messaging.models import Channel, Contact, ContactAttribute
from compression.models import CompressionRequest
from invitations.models import Invitation, InvitationBatch, InvitationLayout, InvitationSource
from teams.models import ConnectedAccount, Invite, User
from tests.architecture.tenants import Tenant, model_of_noun
from tests.console.invitation_rows import DOCUMENT

METHODS = {"get", "post", "put", "patch", "delete"}
SAMPLE_UUID = "00000000-0000-4000-8000-000000000000"

# Numbers that name no row: counts, places in an order. Every other one is taken for a row's.
NOT_ROWS = {
    *("page", "page_size", "limit", "number", "priority", "version"),
    *("x", "y", "width", "height", "poll_minutes", "lucky_first", "lucky_last", "lucky_digits"),
    "messages_per_second",
}
# What the name alone does not say: (operation, name) → model.
MODELS: dict[tuple[str, str], type[Model]] = {
    ("files_retrieve", "uuid"): File,
    ("compression_image", "file_id"): File,
    **{
        (f"compression_{name}", "request_id"): CompressionRequest
        for name in ("status", "output", "cancel", "retry_failed", "webhook_completed")
    },
    ("invitations_picture", "file_id"): File,
    ("invitations_card", "uuid"): Invitation,
    ("invitations_card_image", "uuid"): Invitation,
    ("team_audit", "actor_id"): User,
    ("team_invitations_resend", "invitation_id"): Invite,
    ("team_invitations_revoke", "invitation_id"): Invite,
}

# The short names by which rows of a room call each other, beside the models' own.
NOUNS: dict[str, type[Model]] = {
    "source": InvitationSource,
    "layout": InvitationLayout,
    "account": ConnectedAccount,
    "batch": InvitationBatch,
}

# Words that a schema can't invent, by the name of the place.
WORDS: dict[str, Any] = {
    "key": "city",
    "type": "send_message",
    "permission": "messaging.send",
    "time_zone": "UTC",
    "language": "en",
    "slug": "a-new-one",
    "token": "words",
    "email": "new@example.com",
    "hub.mode": "subscribe",
}
PHONES = {"phone", "to", "contact_phone"}
PASSWORD = "correct horse battery"
# Bodies whose parts belong together.
BODIES: dict[str, dict[str, Any]] = {
    "auth_token": {"email": "plainwords@example.com", "password": PASSWORD},
    "auth_password_reset": {"email": "plainwords@example.com"},
    "auth_password_change": {"current_password": PASSWORD, "new_password": "staple battery horse"},
    "auth_register": {"email": "new@example.com", "password": "staple battery horse"},
    "contacts_create": {"phone": "+15550999999"},
    "invitations_erase_create": {"external_id": "1"},
    "invitations_export_create": {"external_id": "1"},
    "invitations_layouts_create": {"document": DOCUMENT},
    "invitations_layouts_update": {"document": DOCUMENT},
    "invitations_layouts_partial_update": {"document": DOCUMENT},
    "invitations_layouts_preview_create": {"external_id": "1"},
    "invitations_sources_create": {"kind": "sandbox"},
    "invitations_sources_update": {"kind": "sandbox"},
    "invitations_sources_partial_update": {"kind": "sandbox"},
    # A role that every caller may give.
    "team_members_create": {"role": "viewer"},
    "team_members_update": {"role": "viewer"},
    "whatsapp_send_interactive_create": {
        "interactive": {"body": "Tea?", "buttons": [{"id": "yes", "title": "Yes"}]}
    },
}


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a row's number or uuid: in the path, the query, or at `trail` in the body."""

    place: str
    name: str
    model: type[Model]
    trail: tuple[str | int, ...] = ()
    is_uuid: bool = False

    def __str__(self) -> str:
        return f"{self.place} {'.'.join(map(str, self.trail)) or self.name}"

    def value(self, tenant: Tenant) -> Any:
        """Return what stands for the tenant's row."""
        row: Any = tenant.row(self.model)
        return str(row.uuid) if self.is_uuid else row.pk


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    id: str
    method: str
    path: str
    document: dict[str, Any] = field(repr=False)
    body: dict[str, Any] | None = field(repr=False)
    view: Any = field(repr=False)
    # What a viewset calls it; "" for a plain view.
    action: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """Return what stands in path, query and headers."""
        return list(self.document.get("parameters", []))

    @property
    def slots(self) -> list[Slot]:
        """Return every place for a row."""
        return [*self._slots_of_parameters(), *self._slots_of_body(self.body or {}, ())]

    def unclassified(self) -> list[str]:
        """Return numbers, and parts of the path, that nobody has said anything about."""
        known = {(slot.place, slot.name) for slot in self.slots}
        found = [
            (each["in"], each["name"])
            for each in self.parameters
            if each["in"] == "path" or _is_number(each["schema"])
        ]
        found += [("body", name) for _, name, schema in _leaves(self.body or {}, ()) if _is_number(schema)]
        return [
            f"{self}: {place} {name}"
            for place, name in found
            if (place, name) not in known and name not in NOT_ROWS | WORDS.keys() | PHONES
        ]

    def request(self, own: Tenant) -> "Request":
        """Return a valid request by a member of `own` about its own rows."""
        path: dict[str, Any] = {}
        query: dict[str, Any] = {}
        slots = {(slot.place, slot.name): slot for slot in self.slots}
        for each in self.parameters:
            slot = slots.get((each["in"], each["name"]))
            value = slot.value(own) if slot else _word(each["name"], each["schema"], own)
            if each["in"] == "path":
                path[each["name"]] = value
            elif each["in"] == "query" and each.get("required"):
                query[each["name"]] = value
        return Request(self, path, query, self._valid_body(own))

    def _valid_body(self, own: Tenant) -> Any:
        if self.body is None:
            return None
        body = _example(self.body, own)
        body |= BODIES.get(self.id, {})
        for slot in self.slots:
            if slot.place == "body" and slot.trail[0] in body:
                _put(body, slot.trail, slot.value(own))
        return body

    def _slots_of_parameters(self) -> Iterator[Slot]:
        for each in self.parameters:
            if each["in"] == "header":
                continue
            found = self._slot(each["in"], each["name"], each["schema"], ())
            if found:
                yield found

    def _slots_of_body(self, schema: dict[str, Any], trail: tuple[str | int, ...]) -> Iterator[Slot]:
        for place, name, leaf in _leaves(schema, trail):
            found = self._slot("body", name, leaf, place)
            if found:
                yield found

    def _slot(
        self, place: str, name: str, schema: dict[str, Any], trail: tuple[str | int, ...]
    ) -> Slot | None:
        is_uuid = schema.get("format") == "uuid"
        if name in NOT_ROWS or not (is_uuid or _is_number(schema) or place == "path"):
            return None
        model = MODELS.get((self.id, name)) or self._model(name)
        return Slot(place, name, model, trail, is_uuid) if model else None

    def _model(self, name: str) -> type[Model] | None:
        if name in {"id", "ids", "pk", "uuid"}:
            queryset = getattr(self.view, "queryset", None)
            return queryset.model if queryset is not None else None
        for ending in ("_ids", "_id", "_uuid"):
            name = name.removesuffix(ending)
        return NOUNS.get(name) or model_of_noun(name)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent."""

    operation: Operation
    path: dict[str, Any]
    query: dict[str, Any]
    body: Any

    def with_slot(self, slot: Slot, value: Any) -> "Request":
        """Return the request with something else in one place."""
        path, query, body = dict(self.path), dict(self.query), copy.deepcopy(self.body)
        if slot.place == "path":
            path[slot.name] = value
        elif slot.place == "query":
            query[slot.name] = value
        else:
            _put(body, slot.trail, value)
        return Request(self.operation, path, query, body)

    def with_query(self, **query: Any) -> "Request":
        """Return the request with further words in its query."""
        return Request(self.operation, self.path, {**self.query, **query}, self.body)

    @property
    def url(self) -> str:
        """Return the path with its parts filled in."""
        url = self.operation.path
        for name, value in self.path.items():
            url = url.replace(f"{{{name}}}", quote(str(value), safe=""))
        return url

    @property
    def sent(self) -> str:
        """Return all that the caller says, as one text."""
        return f"{self.url} {json.dumps(self.query)} {json.dumps(self.body)}"

    def send(self, client: APIClient, **headers: str) -> Any:
        """Send it; returns the answer."""
        url = f"{self.url}?{urlencode(self.query)}" if self.query else self.url
        body = None if self.body is None else json.dumps(self.body)
        return client.generic(
            self.operation.method.upper(), url, body or "", content_type="application/json", **headers
        )


def operations(patterns: Any = None) -> list[Operation]:
    """Return every operation of the document, with its view; `patterns` are other routes than ours."""
    document = SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)
    schemas = document.get("components", {}).get("schemas", {})
    found = []
    for path, methods in document["paths"].items():
        for method in sorted(METHODS & methods.keys()):
            one = methods[method]
            content = one.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("schema")
            body = _resolved(body, schemas) if body is not None else None
            one = {**one, "parameters": [_plain(each, schemas) for each in one.get("parameters", [])]}
            callback = _callback(path, one)
            view, actions = getattr(callback, "cls", None), getattr(callback, "actions", None) or {}
            found.append(
                Operation(one["operationId"], method, path, one, body, view, actions.get(method, ""))
            )
    return found


def _callback(path: str, document: dict[str, Any]) -> Any:
    for each in document["parameters"]:
        if each["in"] == "path":
            is_uuid = each["schema"].get("format") == "uuid"
            named = each["schema"].get("enum", [WORDS.get(each["name"], 1)])[0]
            sample = SAMPLE_UUID if is_uuid else str(named)
            path = path.replace(f"{{{each['name']}}}", sample)
    return resolve(path).func


def _plain(parameter: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return {**parameter, "schema": _resolved(parameter["schema"], schemas)}


def _resolved(schema: Any, schemas: dict[str, Any]) -> Any:
    """Return a schema without references; the first of several ways to write a value."""
    if isinstance(schema, list):
        return [_resolved(each, schemas) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            rest = {name: value for name, value in schema.items() if name != several}
            return {**_resolved(schema[several][0], schemas), **_resolved(rest, schemas)}
    return {name: _resolved(value, schemas) for name, value in schema.items()}


def _leaves(
    schema: dict[str, Any], trail: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str, dict[str, Any]]]:
    """Yield where each value of a body stands, what it is called, and its schema."""
    for name, each in schema.get("properties", {}).items():
        if each.get("readOnly"):
            continue
        if _type(each) == "object":
            yield from _leaves(each, (*trail, name))
        elif _type(each) == "array":
            items = each.get("items", {})
            if _type(items) == "object":
                yield from _leaves(items, (*trail, name, 0))
            else:
                yield (*trail, name, 0), name, items
        else:
            yield (*trail, name), name, each


def _example(schema: dict[str, Any], own: Tenant) -> Any:
    """Return a valid value: of an object what must be there, and what can hold a row."""
    required = schema.get("required", [])
    return {
        name: _word(name, each, own)
        for name, each in schema.get("properties", {}).items()
        if not each.get("readOnly") and (name in required or _holds_a_row(name, each))
    }


def _holds_a_row(name: str, schema: dict[str, Any]) -> bool:
    if name in NOT_ROWS:
        return False
    inner = schema.get("items", schema)
    if _type(inner) == "object":
        return any(_holds_a_row(*each) for each in inner.get("properties", {}).items())
    return _is_number(inner) or inner.get("format") == "uuid"


def _word(name: str, schema: dict[str, Any], own: Tenant) -> Any:
    if name in PHONES:
        contact: Any = own.row(Contact)
        return contact.phone
    if name == "key":
        attribute: Any = own.row(ContactAttribute)
        return attribute.key
    if "enum" in schema:
        return next(each for each in schema["enum"] if each)
    if name in WORDS:
        return WORDS[name]
    if "default" in schema:
        return schema["default"]
    return _of_type(schema, own)


def _of_type(schema: dict[str, Any], own: Tenant) -> Any:
    match _type(schema):
        case "object":
            return _example(schema, own)
        case "array":
            return [_word("", schema.get("items", {}), own)]
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
    channel: Any = own.row(Channel)
    texts = {"date-time": "2040-01-01T00:00:00Z", "email": "new@example.com", "uuid": str(channel.uuid)}
    return texts.get(schema.get("format", ""), "words")


def _type(schema: dict[str, Any]) -> str:
    found = schema.get("type", "")
    return next((each for each in found if each != "null"), "") if isinstance(found, list) else found


def _is_number(schema: dict[str, Any]) -> bool:
    return _type(schema) in {"integer", "number"} and "enum" not in schema


def _put(body: Any, trail: tuple[str | int, ...], value: Any) -> None:
    for step, after in pairwise(trail):
        if isinstance(step, str) and step not in body:
            body[step] = [{}] if isinstance(after, int) else {}
        body = body[step]
    body[trail[-1]] = value


def signed_in(user: User) -> APIClient:
    """Return a client that holds an access token of the user."""
    return holding(f"Bearer {token_of(user)}")


def token_of(user: User) -> str:
    """Return a new access token of the user."""
    answer = APIClient().post("/auth/token", {"email": user.email, "password": PASSWORD}, format="json")
    assert answer.status_code == 200, answer.content
    return str(answer.json()["access_token"])


def holding(credentials: str) -> APIClient:
    """Return a client that sends these credentials, and gets a 500 for what we fail at."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=credentials)
    return client
