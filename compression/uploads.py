"""Receiving a table: onto the disk, and no further than one may be large."""

from django.conf import settings

from chatboost.core.exchange import uploads


class TableHandler(uploads.Handler):
    """Takes one table."""

    @property
    def max_bytes(self) -> int:
        """How large the table may be."""
        return int(settings.COMPRESSION_MAX_BYTES)
