"""What triggers can be filtered by. A foreign id simply finds nothing."""

import django_filters as filters

from chatboost.core.api.filters import FilterSet, IdFilter
from triggers.models import Trigger, TriggerType


class TriggerFilter(FilterSet):
    """Filters of /triggers/."""

    bot_id = IdFilter("bot_id")
    flow_id = IdFilter("flow_id")
    trigger_type = filters.ChoiceFilter(choices=TriggerType.choices)

    class Meta:
        model = Trigger
        fields = ["bot_id", "flow_id", "trigger_type", "is_active"]
