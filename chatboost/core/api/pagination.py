"""Pages for lists, cursors for what grows without end. Asking for a page that can't be is refused."""

import re
from base64 import b64decode
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.paginator import InvalidPage
from django.db.models import Model
from rest_framework import exceptions
from rest_framework.pagination import Cursor as Position
from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.request import Request

from chatboost.core.errors import NotFound, ValidationFailed

MAX_PAGE = 2**31 - 1
MAX_CURSOR = 200
# What a cursor says once decoded: offset, direction, position.
_CURSOR = re.compile(r"[orp]=[^&]*(?:&[orp]=[^&]*)*")


class Pages(PageNumberPagination):
    """`?page`, `?page_size` (1 to 200) → `{"count", "next", "previous", "results"}`."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    last_page_strings = ()

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return the rows of a page. Raises: ValidationFailed, NotFound (`page_not_found`)."""
        number = _number(request, self.page_query_param, "invalid_page", 1, MAX_PAGE)
        self.request = request
        paginator = self.django_paginator_class(queryset, self.get_page_size(request))
        try:
            self.page = paginator.page(number)
        except InvalidPage as error:
            raise NotFound("There is no such page.", code="page_not_found") from error
        self.display_page_controls = paginator.num_pages > 1
        return list(self.page)

    def get_page_size(self, request: Request) -> int:
        """Return how many rows are asked for."""
        most = self.max_page_size
        return _number(request, self.page_size_query_param, "invalid_page_size", self.page_size, most)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters for the OpenAPI document."""
        return [
            _parameter("page", "From 1. A page beyond the last one is 404 `page_not_found`.", 1, MAX_PAGE),
            _parameter("page_size", "Rows of a page.", self.page_size, self.max_page_size),
        ]


class Cursor(CursorPagination):
    """Newest first, without a count → `{"next", "previous", "results"}`; `?limit`, 1 to 200."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering = "-id"

    def get_page_size(self, request: Request) -> int:
        """Return how many rows are asked for. Raises: ValidationFailed."""
        most = self.max_page_size
        size = _number(request, "page_size", "invalid_page_size", type(self).page_size, most)
        return _number(request, "limit", "invalid_limit", size, most)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return the rows from the cursor on. Raises: ValidationFailed (`invalid_cursor`)."""
        self._model: type[Model] = queryset.model
        return super().paginate_queryset(queryset, request, view)

    def decode_cursor(self, request: Request) -> Position | None:
        """Read the cursor, which may have been made up."""
        text = request.query_params.get(self.cursor_query_param)
        if text is None:
            return None
        try:
            if len(text) > MAX_CURSOR or not _CURSOR.fullmatch(
                b64decode(text, validate=True).decode("ascii")
            ):
                raise ValueError(text)
            cursor = super().decode_cursor(request)
            self._require_position(cursor)
        except (ValueError, DjangoValidationError, exceptions.NotFound) as error:
            raise ValidationFailed(
                "Take the cursor from `next` or `previous`, as it is.",
                code="invalid_cursor",
                errors={self.cursor_query_param: ["Not a cursor."]},
            ) from error
        return cursor

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters for the OpenAPI document."""
        text = "Where to go on: from `next` or `previous` of an answer."
        schema = {"type": "string", "format": "cursor", "minLength": 1, "maxLength": MAX_CURSOR}
        return [
            {"name": "cursor", "required": False, "in": "query", "description": text, "schema": schema},
            _parameter("limit", "Rows of an answer.", self.page_size, self.max_page_size),
            _parameter("page_size", "The same as `limit`.", self.page_size, self.max_page_size),
        ]

    def _require_position(self, cursor: Position | None) -> None:
        """Make sure that the column could hold the position. Raises: DjangoValidationError."""
        if cursor is None or cursor.position is None:
            return
        column: Any = self._model._meta.get_field(self.ordering[0].lstrip("-"))
        column.run_validators(column.to_python(cursor.position))


def _number(request: Request, name: str, code: str, default: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    # A sign, spaces, digits of other scripts: all of them int() would take.
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
    if not 1 <= number <= most:
        message = f"A number from 1 to {most} is required."
        raise ValidationFailed(message, code=code, errors={name: [message]})
    return number


def _parameter(name: str, description: str, default: int, most: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return {"name": name, "required": False, "in": "query", "description": description, "schema": schema}
