"""Receiving a file: onto the disk, and no further than an import may be large."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http.multipartparser import MultiPartParserError

from chatboost.core.exchange.errors import FileTooLarge


class Handler(TemporaryFileUploadHandler):
    """Takes one file. Raises: FileTooLarge, MultiPartParserError."""

    @property
    def max_bytes(self) -> int:
        """How large the file may be."""
        return int(settings.IMPORT_MAX_BYTES)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin with the file; a second one is refused."""
        if hasattr(self, "file"):
            raise MultiPartParserError("one file at a time")
        super().new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write on."""
        if start + len(raw_data) > self.max_bytes:
            raise FileTooLarge(self.max_bytes)
        super().receive_data_chunk(raw_data, start)
