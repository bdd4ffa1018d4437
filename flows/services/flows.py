"""Flows: drafts changed, checked, and published as versions that never change."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max

from chatboost.core import audit, clock
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.messaging.models import Bot
from flows.engine import registry
from flows.engine.problems import Problem, Severity
from flows.engine.validation import validate
from flows.models import LIVE_STATES, Flow, FlowVersion, Node
from teams import limits
from teams.models import Organization, User

MAX_NODES = 1000


class FlowInvalid(ValidationFailed):
    """The draft can't run; `errors` maps `nodes.<number>.<path>` to what is wrong."""

    default_code = "flow_invalid"


@transaction.atomic
def create(
    *,
    organization: Organization,
    bot: Bot,
    name: str,
    description: str = "",
    ignore_triggers: bool = False,
    actor: Any | None = None,
) -> Flow:
    """Add a flow without nodes. Raises: Conflict (`limit_reached`)."""
    limits.check(organization, "flows")
    flow = Flow(
        organization=organization,
        bot=bot,
        name=name,
        description=description,
        ignore_triggers=ignore_triggers,
    )
    flow.full_clean()
    flow.save()
    audit.record(actor=actor, verb="flow.created", object=flow)
    return flow


@transaction.atomic
def add_node(
    *,
    flow: Flow,
    type: str,
    config: dict[str, Any],
    number: int | None = None,
    label: str = "",
) -> Node:
    """Add a node to the draft; without a number it takes the next free one, from 0.

    Raises: ValidationFailed (`unknown_node_type`, `too_many_nodes`), Conflict (`node_number_taken`).
    """
    _lock(flow)
    if number is None:
        highest = flow.nodes.aggregate(highest=Max("number"))["highest"]
        number = 0 if highest is None else highest + 1
    node = Node(
        organization_id=flow.organization_id, flow=flow, type=type, config=config, number=number, label=label
    )
    return save_node(node)


@transaction.atomic
def save_node(node: Node) -> Node:
    """Save a new or changed node of the draft. Raises: as `add_node`."""
    if registry.default.get(node.type) is None:
        raise ValidationFailed(
            f"There is no node type {node.type}.",
            code="unknown_node_type",
            errors={"type": [f"Known types: {', '.join(sorted(registry.default.names()))}."]},
        )
    if node.pk is None and node.flow.nodes.count() >= MAX_NODES:
        raise ValidationFailed(f"A flow has at most {MAX_NODES} nodes.", code="too_many_nodes")
    # A draft's node may have no config yet; publishing asks for it.
    node.full_clean(exclude=["config"], validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            node.save()
    except IntegrityError as error:
        raise Conflict(f"The flow has a node {node.number} already.", code="node_number_taken") from error
    _touch(node.flow)
    return node


@transaction.atomic
def delete_node(node: Node) -> None:
    """Remove a node from the draft."""
    flow = node.flow
    node.delete()
    _touch(flow)


@transaction.atomic
def delete(flow: Flow, *, actor: Any | None = None) -> None:
    """Remove a flow with its versions and executions. Raises: Conflict (`flow_running`)."""
    if flow.executions.filter(state__in=LIVE_STATES).exists():
        raise Conflict(
            "Executions of this flow still wait: cancel them, or switch the flow off.", code="flow_running"
        )
    audit.record(actor=actor, verb="flow.deleted", object=flow)
    flow.executions.all().delete()
    flow.delete()


def spec(flow: Flow) -> dict[str, Any]:
    """Return the draft in the form that is frozen at publishing; it begins at the lowest number."""
    nodes = list(flow.nodes.order_by("number").values("number", "type", "config"))
    return {"entry": nodes[0]["number"] if nodes else 0, "nodes": nodes}


def problems(flow: Flow) -> list[Problem]:
    """Return what is wrong or doubtful in the draft, errors first."""
    found = validate(spec(flow))
    return sorted(found, key=lambda problem: problem.severity is not Severity.ERROR)


@transaction.atomic
def publish(*, flow: Flow, actor: Any | None = None) -> FlowVersion:
    """Freeze the draft as the version that new executions run; an unchanged draft is not frozen again.

    Raises: FlowInvalid (`flow_invalid`).
    """
    flow = _lock(flow)
    errors = [problem for problem in problems(flow) if problem.severity is Severity.ERROR]
    if errors:
        raise FlowInvalid("The flow can't be published yet.", errors=_by_place(errors))
    draft = spec(flow)
    current = flow.published_version
    if current is not None and current.spec == draft:
        return current
    return _add_version(flow, draft, actor, verb="flow.published")


@transaction.atomic
def rollback(*, flow: Flow, version: FlowVersion, actor: Any | None = None) -> FlowVersion:
    """Publish an older version again, as a new one, and make it the draft.

    Raises: ValidationFailed (`wrong_flow`).
    """
    if version.flow_id != flow.pk:
        raise ValidationFailed("The version belongs to another flow.", code="wrong_flow")
    flow = _lock(flow)
    replace_nodes(flow, version.spec["nodes"])
    return _add_version(flow, version.spec, actor, verb="flow.rolled_back")


@transaction.atomic
def replace_nodes(flow: Flow, nodes: Sequence[dict[str, Any]]) -> None:
    """Replace the draft's nodes: [{"number", "type", "config"}]."""
    flow.nodes.all().delete()
    Node.objects.bulk_create(
        Node(
            organization_id=flow.organization_id,
            flow=flow,
            number=node["number"],
            type=node["type"],
            config=node.get("config", {}),
        )
        for node in nodes
    )
    _touch(flow)


def _add_version(flow: Flow, frozen: dict[str, Any], actor: Any | None, *, verb: str) -> FlowVersion:
    before = flow.published_version
    highest = flow.versions.aggregate(highest=Max("number"))["highest"] or 0
    version = FlowVersion.objects.create(
        organization_id=flow.organization_id,
        flow=flow,
        number=highest + 1,
        spec=frozen,
        published_at=clock.now(),
        published_by=actor if isinstance(actor, User) else None,
    )
    flow.published_version = version
    flow.save(update_fields=["published_version", "updated_at"])
    audit.record(actor=actor, verb=verb, object=flow, changes={"published_version": (before, version)})
    return version


def _lock(flow: Flow) -> Flow:
    own = Flow.objects.for_organization(flow.organization_id).select_related("published_version")
    return own.select_for_update(of=("self",)).get(pk=flow.pk)


def _touch(flow: Flow) -> None:
    own = Flow.objects.for_organization(flow.organization_id)
    own.filter(pk=flow.pk).update(revision=F("revision") + 1, updated_at=clock.now())


def _by_place(found: Sequence[Problem]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for problem in found:
        place = problem.path if problem.node is None else f"nodes.{problem.node}.{problem.path}".rstrip(".")
        places.setdefault(place or "flow", []).append(f"{problem.message} ({problem.code})")
    return places
