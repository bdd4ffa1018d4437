"""Reading executions."""

from typing import Any

from django.db.models import Count, QuerySet

from flows.models import LIVE_STATES, Execution, ExecutionState


def statistics(executions: QuerySet[Execution]) -> dict[str, Any]:
    """Count executions by state; `completion_rate` is completed of all ended, in percent. One query."""
    counted = executions.order_by().values_list("state").annotate(count=Count("id"))
    by_state = dict.fromkeys(ExecutionState.values, 0) | dict(counted)
    total = sum(by_state.values())
    live = sum(by_state[state] for state in LIVE_STATES)
    completed = by_state[ExecutionState.COMPLETED]
    ended = total - live
    return {
        "total": total,
        "live": live,
        "completed": completed,
        "failed": by_state[ExecutionState.FAILED],
        "by_state": by_state,
        "completion_rate": round(100 * completed / ended, 1) if ended else None,
    }
