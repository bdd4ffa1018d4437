"""The record of firings."""

from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import ReadOnlyAdmin, register
from chatboost.core.admin.display import link, shortened
from chatboost.core.admin.filters import DayRangeFilter, OrganizationRelatedFilter
from triggers.models import TriggerLog


@register(TriggerLog)
class TriggerLogAdmin(ReadOnlyAdmin):
    """Firings, newest first."""

    list_display = ("created_at", "trigger", "contact", "keyword_line", "execution_link")
    list_filter = (("trigger", OrganizationRelatedFilter), ("created_at", DayRangeFilter))
    list_filter_submit = True
    list_select_related = ("trigger", "contact", "execution")
    search_fields = ("contact__phone__startswith",)
    ordering = ("-id",)
    empty_hint = "Each time a trigger starts a flow, it is noted here."
    fields = ("created_at", "trigger", "keyword", "contact", "message", "execution")

    def row_title(self, row: TriggerLog) -> str:
        """Name the trigger."""
        return str(row.trigger)

    @display(description="keyword")
    def keyword_line(self, log: TriggerLog) -> str:
        """Show the keyword."""
        return shortened(log.keyword, 40)

    @display(description="execution")
    def execution_link(self, log: TriggerLog) -> SafeString | str:
        """Link to what was started."""
        return link(log.execution)
