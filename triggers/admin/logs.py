"""The record of firings."""

from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from chatboost.core.admin import ReadOnlyAdmin, register
from chatboost.core.admin.display import link, shortened
from chatboost.core.admin.filters import OrganizationRelatedFilter
from triggers.models import TriggerLog


@register(TriggerLog)
class TriggerLogAdmin(ReadOnlyAdmin):
    """Firings, newest first."""

    list_display = ("created_at", "trigger", "contact", "keyword_line", "execution_link")
    list_filter = (("trigger", OrganizationRelatedFilter), ("created_at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("trigger", "contact", "execution")
    search_fields = ("contact__phone__startswith",)
    ordering = ("-id",)
    fields = ("created_at", "trigger", "keyword", "contact", "message", "execution")

    @display(description="keyword")
    def keyword_line(self, log: TriggerLog) -> str:
        """Show the keyword."""
        return shortened(log.keyword, 40)

    @display(description="execution")
    def execution_link(self, log: TriggerLog) -> SafeString | str:
        """Link to what was started."""
        return link(log.execution)
