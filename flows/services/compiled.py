"""Compiled versions, once per version and process. A version never changes, so nothing here goes stale."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Any

from django.db.models import QuerySet

from flows.engine.compiler import CompiledFlow, compile_version
from flows.models import FlowVersion

MAX_KEPT = 512

_kept: OrderedDict[int, CompiledFlow] = OrderedDict()
_lock = Lock()


def load(version_ids: Iterable[int]) -> None:
    """Compile those of the versions that this process does not have yet; one query at most."""
    missing = {version_id for version_id in version_ids if version_id not in _kept}
    if missing:
        for version_id, spec in _specs().filter(pk__in=missing):
            _keep(version_id, compile_version(spec))


def get(version_id: int) -> CompiledFlow:
    """Return a compiled version. Raises FlowVersion.DoesNotExist."""
    found = _kept.get(version_id)
    if found is None:
        found = compile_version(_specs().get(pk=version_id)[1])
        _keep(version_id, found)
    return found


def _specs() -> QuerySet[FlowVersion, tuple[int, Any]]:
    # Of any organization: the ids come from executions and flows that somebody has loaded.
    found: QuerySet[FlowVersion, tuple[int, Any]] = FlowVersion.objects.across_organizations().values_list(
        "pk", "spec"
    )
    return found


def _keep(version_id: int, compiled: CompiledFlow) -> None:
    with _lock:
        _kept[version_id] = compiled
        _kept.move_to_end(version_id)
        while len(_kept) > MAX_KEPT:
            _kept.popitem(last=False)
