"""Compiled versions, once per version and process. A version never changes, so nothing here goes stale."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from flows.engine.compiler import CompiledFlow, compile_version
from flows.models import FlowVersion

MAX_KEPT = 512

_kept: OrderedDict[int, CompiledFlow] = OrderedDict()
_lock = Lock()


def load(version_ids: Iterable[int]) -> None:
    """Compile those of the versions that this process does not have yet; one query at most."""
    missing = {version_id for version_id in version_ids if version_id not in _kept}
    if missing:
        for version_id, spec in FlowVersion.objects.filter(pk__in=missing).values_list("pk", "spec"):
            _keep(version_id, compile_version(spec))


def get(version_id: int) -> CompiledFlow:
    """Return a compiled version. Raises FlowVersion.DoesNotExist."""
    found = _kept.get(version_id)
    if found is None:
        found = compile_version(FlowVersion.objects.values_list("spec", flat=True).get(pk=version_id))
        _keep(version_id, found)
    return found


def _keep(version_id: int, compiled: CompiledFlow) -> None:
    with _lock:
        _kept[version_id] = compiled
        _kept.move_to_end(version_id)
        while len(_kept) > MAX_KEPT:
            _kept.popitem(last=False)
