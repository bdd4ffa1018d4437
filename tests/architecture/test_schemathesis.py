"""Every operation of the OpenAPI document, called well and badly: the product does what the document says.

SCHEMATHESIS_EXAMPLES says how many examples of each operation are made up beside those at the edges;
PROOF=full means 100.
"""

import base64
import os
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import AllowHeaderMismatch, RejectedPositiveData
from schemathesis.transport.wsgi import WSGITransport

from teams.roles import Role
from teams.services import api_keys
from tests.architecture import operations, tenants
from tests.architecture.tenants import Tenant, Tenants

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES") or (100 if os.environ.get("PROOF") == "full" else 3))
IS_FULL = EXAMPLES >= 100

# Paths side by side, of about as many operations.
PARTS = [
    r"/(?!bots|channels|contacts|conversations|messages|whatsapp|triggers|flows|invitations|i/)",
    r"/(?:invitations|i/)",
    r"/(?:bots|channels|flows)",
    r"/(?:contacts|conversations|messages|whatsapp|triggers)",
]

# Formats of our own.
schemathesis.openapi.format("phone", st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z", alphabet="+0123456789"))
schemathesis.openapi.format(
    "cursor", st.integers(1, 10**9).map(lambda row: base64.b64encode(f"p={row}".encode()).decode())
)


# What a refusal says that is no rule of its own: the document should have said it.
UNSPECIFIC = {
    "validation_failed",
    "malformed_body",
    "unknown_parameter",
    "repeated_parameter",
    "empty_parameter",
}


# White space, of which Python knows more than JSON Schema; a file without a byte, which looks like none; what
# rows there are, and what they are.
BEYOND_SCHEMAS = re.compile(
    r"(?:may not be blank|No file was submitted"
    r"|object does not exist|can't be changed|stays (?:in|with) its \w+)\.$"
)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Tell whether a failure counts: a rule with a code of its own is more than a schema can say."""
    if isinstance(failure, RejectedPositiveData):
        if response.status_code == 416:
            return False  # a range is outside or inside of the one file there is
        problem = response.json()
        reasons = {reason for found in problem["errors"].values() for reason in found}
        return problem["code"] in UNSPECIFIC and not (reasons and all(map(BEYOND_SCHEMAS.search, reasons)))
    if isinstance(failure, AllowHeaderMismatch):
        # "bulk" is an address of its own, and perhaps the name of an attribute, which is documented as {key}.
        return not case.path.endswith("/attributes/bulk")
    return True


class Application:
    """The product as a WSGI application, in the test's own transaction, whichever thread calls."""

    def __init__(self, *, forgets: bool) -> None:
        self._inner = get_wsgi_application()
        self._connection = connection._connections["default"]  # type: ignore[attr-defined]
        self._forgets = forgets

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer one request; where it forgets, the next one finds the database as it was."""
        connections["default"] = self._connection
        with transaction.atomic():
            # What our code marks as durable must not find out that it is inside of something.
            connection.atomic_blocks[-1]._from_testcase = True
            answer = list(self._inner(environ, start_response))
            if self._forgets:
                transaction.set_rollback(True)
        return answer


@pytest.fixture
def tenant(both: Tenants, quiet: None, db: None) -> Tenant:
    return both.b


@pytest.fixture
def credentials(tenant: Tenant) -> str:
    neighbour, _ = api_keys.create(organization=tenant.organization, name="test", role=Role.ADMIN)
    _, text = api_keys.create(organization=tenant.organization, name="test", role=Role.ADMIN)
    neighbour.delete()  # the number after the tenant's key names nothing
    return f"Api-Key {text}"


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the engine's thread use this test's connection, and its WSGI transport the network's options."""
    send = WSGITransport.send

    def plainly(self: Any, case: Any, **kwargs: Any) -> Any:
        # Probes of `ignored_auth` bring the network's options, which the WSGI client does not know.
        for option in ("max_redirects", "verify", "cert", "proxies"):
            kwargs.pop(option, None)
        return send(self, case, **kwargs)

    monkeypatch.setattr(WSGITransport, "send", plainly)
    connection.inc_thread_sharing()
    # As Django's own test client does: the test's connection outlives its requests.
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)
    connection.dec_thread_sharing()


def document(tenant: Tenant, part: str, *, narrow: bool) -> dict[str, Any]:
    """Return the OpenAPI document of these paths; narrowed, its ids are those of rows that are there."""
    found = SchemaGenerator().get_schema(request=None, public=True)
    found["paths"] = {path: operations for path, operations in found["paths"].items() if re.match(part, path)}
    if not narrow:
        return found
    for operation in operations.operations():
        slots = {(slot.place, slot.name): slot for slot in operation.slots}
        document = found["paths"].get(operation.path, {}).get(operation.method, {})
        for parameter in document.get("parameters", []):
            slot = slots.get((parameter["in"], parameter["name"]))
            if slot and parameter.get("required"):
                parameter["schema"] = _only(parameter["schema"], slot.value(tenant))
    for name, component in found["components"]["schemas"].items():
        if name.endswith("Request"):
            for key, schema in component.get("properties", {}).items():
                model = tenants.model_of_noun(key.removesuffix("_id"))
                if model is not None and schema.get("type") == "integer":
                    schema |= _only(schema, tenant.row(model).pk)
    return found


def _only(schema: dict[str, Any], value: Any) -> dict[str, Any]:
    """Narrow a schema to one value; a number by its bounds, so that it is right as a text, too."""
    if schema.get("type") == "integer":
        return {**schema, "minimum": value, "maximum": value}
    return {**schema, "enum": [value]}


def failures(
    phases: dict[str, Any], tenant: Tenant, credentials: str, part: str, *, forgets: bool
) -> list[str]:
    """Run the engine; returns what it found, as text."""
    settings = SchemathesisConfig.from_dict(
        {
            "headers": {"Authorization": credentials, "Accept-Encoding": "identity"},
            "continue-on-failure": True,
            "generation": {
                "deterministic": True,
                "max-examples": EXAMPLES,
                "database": "none",
                # Refused everywhere, which no schema of a text can say; test_api_base sends it.
                "allow-x00": False,
            },
            "phases": phases,
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = schemathesis.openapi.from_dict(document(tenant, part, narrow=forgets), config=settings)
        schema.app = Application(forgets=forgets)
        schema.location = "/schema"
        found: dict[str, None] = {}
        for event in from_schema(schema).execute():
            if isinstance(event, events.NonFatalError):
                found[f"{event.label}: {event.info.format()}"] = None
            if isinstance(event, events.ScenarioFinished):
                found |= dict.fromkeys(_failures_of(event))
    return list(found)


def _failures_of(event: events.ScenarioFinished) -> Iterator[str]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            interaction = event.recorder.interactions.get(case_id)
            answer = interaction.response if interaction else None
            said = answer.content[:600].decode(errors="replace") if answer else ""
            failure = check.failure_info.failure
            yield (
                f"{event.phase.name} {event.label} {check.name}: {failure.title}\n{failure.message[:400]}\n"
                f"{check.failure_info.code_sample[:600]}\n→ {answer.status_code if answer else ''} {said}\n"
            )


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("part", PARTS)
def test_every_operation_does_what_the_document_says(tenant: Tenant, credentials: str, part: str) -> None:
    phases = {
        "coverage": {"enabled": IS_FULL},
        # What it learns from refusals it takes for data that the document allows.
        "fuzzing": {"error-feedback": {"enabled": False}},
        "stateful": {"enabled": False},
    }

    found = failures(phases, tenant, credentials, part, forgets=True)

    assert not found, f"{len(found)} failures\n" + "\n".join(found)


@pytest.mark.usefixtures("in_process")
def test_operations_after_each_other_do_what_the_document_says(tenant: Tenant, credentials: str) -> None:
    off = {"enabled": False}
    phases = {"examples": off, "coverage": off, "fuzzing": {**off, "error-feedback": off}}

    found = failures(phases, tenant, credentials, ".", forgets=False)

    assert not found, f"{len(found)} failures\n" + "\n".join(found)


def test_every_operation_is_in_one_part() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]

    assert [path for path in paths if sum(bool(re.match(part, path)) for part in PARTS) != 1] == []
