"""Reading bodies strictly, whatever they are written in."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.http import QueryDict
from django.http.multipartparser import MultiPartParser as DjangoMultiPartParser
from django.http.multipartparser import MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, FormParser, JSONParser, MultiPartParser

from chatboost.core import strict_json

MAX_DEPTH = strict_json.MAX_DEPTH


class StrictJSONParser(JSONParser):
    """JSON without NaN, Infinity, NUL or lone surrogates, at most 32 levels deep."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the body's value. Raises: ParseError."""
        try:
            return strict_json.loads(stream.read())
        except strict_json.Malformed as error:
            raise ParseError(f"Malformed JSON: {error}", code="malformed_body") from error


class StrictFormParser(FormParser):
    """A form in UTF-8, without NUL."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the fields. Raises: ParseError."""
        form = QueryDict(mutable=True)
        most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        try:
            text = stream.read().decode()
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=most)
            for name, value in pairs:
                _add(form, name, value)
        except ValueError as error:  # percent-encoded bytes that are no UTF-8, too
            raise ParseError(f"Malformed form: {error}", code="malformed_body") from error
        return form


class BrowserFormParser(StrictFormParser):
    """What the forms of the browsable API send by POST; the OpenAPI document speaks of JSON only."""


class BrowserMultiPartParser(MultiPartParser):
    """What the forms of the browsable API send by PUT: fields, never files."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the fields. Raises: ParseError, RequestDataTooBig, TooManyFieldsSent."""
        request = (parser_context or {})["request"]
        meta = {**request.META, "CONTENT_TYPE": media_type}
        try:
            sent, _ = DjangoMultiPartParser(meta, stream, [_NoFiles()], "utf-8").parse()
            form = QueryDict(mutable=True)
            for name, values in sent.lists():
                for value in values:
                    _add(form, name, value)
        except (MultiPartParserError, ValueError) as error:
            raise ParseError(f"Malformed form: {error}", code="malformed_body") from error
        return form


# For the forms of the browsable API, so not in the OpenAPI document.
BROWSER_PARSERS: tuple[type[BaseParser], ...] = (BrowserFormParser, BrowserMultiPartParser)


def documented_media_types(view: Any) -> list[str]:
    """Return what a view takes bodies in, without what is only for the forms of the browsable API."""
    shown = [parser.media_type for parser in view.parser_classes if parser not in BROWSER_PARSERS]
    return list(dict.fromkeys(shown))


class _NoFiles(FileUploadHandler):
    """Refuses the first byte of a file, before it lies on our disk."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        raise MultiPartParserError("this address takes no files")

    def file_complete(self, file_size: int) -> None:
        return None


def _add(form: QueryDict, name: str, value: str) -> None:
    strict_json.require_text(name)
    strict_json.require_text(value)
    form.appendlist(name, value)
