"""Pages of tables that grow without end: counting them would cost a scan each time a list is opened."""

from typing import Any

from django.core.paginator import Page
from django.utils.functional import cached_property
from unfold.paginator import InfinitePaginator

# Further back one gets by a filter: skipping rows costs reading them.
MAX_PAGES = 1000


class UncountedPaginator(InfinitePaginator):
    """Reads one row more than a page shows: so it knows whether there is a next page, not how many."""

    template_name = "core/pagination.html"
    is_uncounted = True
    has_more = False

    @cached_property
    def count(self) -> int:
        """Return as many rows as pages can be turned for."""
        return self.per_page * MAX_PAGES

    def page(self, number: int | str) -> Page[Any]:
        """Return the page, with its rows loaded."""
        number = int(self.validate_number(number))
        start = (number - 1) * self.per_page
        rows = list(self.object_list[start : start + self.per_page + 1])
        self.has_more = len(rows) > self.per_page and number < MAX_PAGES
        page: Page[Any] = self._get_page(rows[: self.per_page], number, self)
        return page
