"""What lists can be narrowed and ordered by: only what a view names, and anything else is refused."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend
from django_filters.rest_framework import FilterSet as DjangoFilterSet
from drf_spectacular.utils import extend_schema_field
from rest_framework import filters
from rest_framework.request import Request

from chatboost.core.errors import ValidationFailed

MAX_ID = 2**63 - 1
MAX_TEXT = 200
MAX_TERMS = 5


class OrderingFilter(filters.OrderingFilter):
    """`?ordering=name,-created_at`: names out of the view's `ordering_fields`.

    Every order, a view's own too, ends with the id: rows that are equal otherwise keep their places from
    page to page.
    """

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Sequence[str] | None:
        """Return the terms asked for, the id last. Raises: ValidationFailed (`invalid_ordering`)."""
        text = request.query_params.get(self.ordering_param)
        if text is None:
            return self.get_default_ordering(view)
        terms, allowed = text.split(","), self.allowed(view)
        if len(terms) > MAX_TERMS or not {term.removeprefix("-") for term in terms} <= set(allowed):
            message = f"Order by some of {', '.join(allowed)}, each with or without a minus in front."
            raise ValidationFailed(message, code="invalid_ordering", errors={self.ordering_param: [message]})
        return _with_id(terms)

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Put the rows in order."""
        terms: Any = self.get_ordering(request, queryset, view)
        if terms is None:
            query = queryset.query
            terms = query.order_by or tuple(query.get_meta().ordering or ())
        return queryset.order_by(*_with_id(terms))

    def get_valid_fields(
        self, queryset: QuerySet[Any], view: Any, context: Mapping[str, Any] | None = None
    ) -> list[tuple[str, str]]:
        """Return the names and what the browsable pages call them; none by default."""
        return [(name, name.replace("__", " ").replace("_", " ")) for name in self.allowed(view)]

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameter for the OpenAPI document, where there is something to order by."""
        if not (allowed := self.allowed(view)):
            return []
        terms = [sign + name for name in allowed for sign in ("", "-")]
        return [
            {
                "name": self.ordering_param,
                "required": False,
                "in": "query",
                "description": "A minus in front turns a term round. The id is always the last.",
                "style": "form",
                "explode": False,
                "schema": {
                    "type": "array",
                    "items": {"type": "string", "enum": terms},
                    "minItems": 1,
                    "maxItems": MAX_TERMS,
                },
            }
        ]

    def allowed(self, view: Any) -> Sequence[str]:
        """Return what a view lets its callers order by."""
        return getattr(view, "ordering_fields", None) or ()


class SearchFilter(filters.SearchFilter):
    """`?search=some words`: rows that hold every word somewhere in the view's `search_fields`."""

    def get_search_terms(self, request: Request) -> Any:
        """Return the words. Raises: ValidationFailed for too long a text."""
        if len(request.query_params.get(self.search_param, "")) > MAX_TEXT:
            message = f"Search for at most {MAX_TEXT} characters."
            raise ValidationFailed(message, code="invalid_search", errors={self.search_param: [message]})
        return super().get_search_terms(request)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameter for the OpenAPI document, where there is something to search."""
        names = getattr(view, "search_fields", None)
        if not names:
            return []
        places = ", ".join(name.lstrip("^=@$").replace("__", " ") for name in names)
        return [
            {
                "name": self.search_param,
                "required": False,
                "in": "query",
                "description": f"Words that must all be found, in any of: {places}.",
                "schema": {"type": "string", "maxLength": MAX_TEXT},
            }
        ]


class _IdField(forms.IntegerField):
    """Digits, and no other way to write a number."""

    def to_python(self, value: Any) -> int | None:
        if value not in self.empty_values and not re.fullmatch(r"-?[0-9]+", str(value)):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": MAX_ID})
class IdFilter(django_filters.NumberFilter):
    """A row's id; a number that no id can be is a bad request."""

    field_class = _IdField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, **kwargs)

    def get_max_validator(self) -> MaxValueValidator:
        """Stay within what a database can compare."""
        return MaxValueValidator(MAX_ID)


class _TruthField(forms.Field):
    """`true` or `false`."""

    widget = forms.Select(choices=[("", "---------"), ("true", "Yes"), ("false", "No")])

    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        if value not in ("true", "false"):
            raise forms.ValidationError("Write true or false.", code="invalid")
        return bool(value == "true")


@extend_schema_field({"type": "boolean"})
class BooleanFilter(django_filters.BooleanFilter):
    """`true` or `false`; the library's own takes anything else for nothing."""

    field_class = _TruthField


class _MomentField(IsoDateTimeField):
    """A moment that is one in UTC, too."""

    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        try:
            return moment.astimezone(UTC) if moment else None
        except OverflowError as error:  # the first or last day there is, moved by its zone
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


class MomentFilter(django_filters.IsoDateTimeFilter):
    """A date and time in ISO 8601; without a zone it is read as UTC."""

    field_class = _MomentField


class TextFilter(django_filters.CharFilter):
    """A text, no longer than the column is."""

    # What the OpenAPI document says beside the length.
    described: Mapping[str, Any] = {}

    def __init__(self, *args: Any, max_length: int | None = None, **kwargs: Any) -> None:
        length = max_length or MAX_TEXT
        super().__init__(*args, max_length=length, **kwargs)
        extend_schema_field({"type": "string", "maxLength": length, **self.described})(self)


def _like_its_column(column: Any) -> dict[str, Any]:
    return {"max_length": column.max_length}


class FilterSet(DjangoFilterSet):
    """Filters of a list. What has no filter here is an unknown parameter, and so refused."""

    FILTER_DEFAULTS = {
        **DjangoFilterSet.FILTER_DEFAULTS,
        models.BooleanField: {"filter_class": BooleanFilter},
        models.CharField: {"filter_class": TextFilter, "extra": _like_its_column},
        models.TextField: {"filter_class": TextFilter},
        models.EmailField: {"filter_class": TextFilter, "extra": _like_its_column},
        models.DateTimeField: {"filter_class": MomentFilter},
        models.BigAutoField: {"filter_class": IdFilter},
    }


class FilterBackend(DjangoFilterBackend):
    """Filters of the view's `filterset_class`, or of the columns in its `filterset_fields`."""

    filterset_base = FilterSet


def _with_id(terms: Sequence[Any]) -> list[Any]:
    """Let the order end with the id, in the direction of the term before."""
    last = terms[-1] if terms else ""
    if isinstance(last, str):
        is_descending = last.startswith("-")
        if last.lstrip("-") in ("id", "pk"):
            return list(terms)
    else:
        is_descending = bool(getattr(last, "descending", False))
    return [*terms, "-pk" if is_descending else "pk"]
