"""What lists of this room can be filtered by. A foreign id simply finds nothing."""

import django_filters as filters

from chatboost.core.api.filters import FilterSet, IdFilter
from flows.models import Execution, ExecutionState, Flow, Node


class FlowFilter(FilterSet):
    """Filters of /bots/flows/."""

    bot_id = IdFilter("bot_id")

    class Meta:
        model = Flow
        fields = ["bot_id", "is_active"]


class NodeFilter(FilterSet):
    """Filters of /bots/nodes/."""

    flow_id = IdFilter("flow_id")

    class Meta:
        model = Node
        fields = ["flow_id", "type"]


class ExecutionFilter(FilterSet):
    """Filters of /flows/executions/."""

    flow_id = IdFilter("flow_id")
    bot_id = IdFilter("bot_id")
    contact_id = IdFilter("contact_id")
    state = filters.ChoiceFilter(choices=ExecutionState.choices)

    class Meta:
        model = Execution
        fields = ["flow_id", "bot_id", "contact_id", "state"]
