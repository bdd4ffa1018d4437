"""Serializers: strict about keys and types, bounded in size, their relations inside the organization."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import models
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.utils import html
from rest_framework.utils.serializer_helpers import JSONBoundField

from chatboost.core import strict_json

ModelT = TypeVar("ModelT", bound=models.Model)

# What a field takes that names no bounds of its own.
MAX_TEXT: Final = 10_000
MAX_ITEMS: Final = 1_000
BIGINT: Final = (-(2**63), 2**63 - 1)

# What every database of ours can hold; SQLite would take more than PostgreSQL.
_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "SmallIntegerField": (-(2**15), 2**15 - 1),
    "IntegerField": (-(2**31), 2**31 - 1),
    "BigIntegerField": BIGINT,
    "PositiveSmallIntegerField": (0, 2**15 - 1),
    "PositiveIntegerField": (0, 2**31 - 1),
    "PositiveBigIntegerField": (0, 2**63 - 1),
}

# Beside the form's own fields.
_FORM_KEYS: Final = frozenset({"csrfmiddlewaretoken"})

# How a form says true or false: a box that is not ticked is not sent.
_TRUTHS: Final = frozenset({"true", "false", "on", ""})

# Fields that a form holds as JSON.
_STRUCTURES: Final = (
    serializers.ListField,
    serializers.DictField,
    serializers.JSONField,
    serializers.BaseSerializer,
)

_TEXTS: Final = (
    serializers.CharField,
    serializers.ChoiceField,
    serializers.DateTimeField,
    serializers.DateField,
    serializers.TimeField,
    serializers.UUIDField,
)


class _Structure(JSONBoundField):
    """A list or an object in a form: JSON, and nothing where there is none."""

    def as_form_field(self) -> Any:
        return super().as_form_field() if self.value else type(self)(self._field, "", self.errors)


class StrictMixin(serializers.Serializer[Any]):
    """Refuses keys that the serializer does not know, so a typing error is not silently ignored.

    Read-only keys are accepted and ignored: a client may send back what it was given. In JSON a number is a
    number: "5" is none, and 1 is not true. A form says the same in its own way, lists and objects
    in JSON.
    """

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Bound every field that has no bounds of its own."""
        fields = super().get_fields()
        for field in fields.values():
            _bound(field)
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """Check keys and types, then the values. Raises ValidationError."""
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        is_form = html.is_html_input(data)
        known = set(self.fields) | (_FORM_KEYS if is_form else set())
        errors: dict[str, Any] = {
            key: ["Unknown field."] for key in sorted(map(str, data)) if key not in known
        }
        if is_form:
            data = self._from_form(data, errors)
        else:
            for field in self._writable_fields:
                if (complaint := _complaint(field, data.get(field.field_name))) is not None:
                    errors[str(field.field_name)] = [complaint]
        if self._is_part_of_a_patch():
            data = self._completed(data, errors)
        if errors:
            raise serializers.ValidationError(errors)
        return super().to_internal_value(data)

    def _is_part_of_a_patch(self) -> bool:
        return self is not self.root and bool(getattr(self.root, "partial", False))

    def _completed(self, data: Mapping[str, Any], errors: dict[str, Any]) -> dict[str, Any]:
        """Return the part with its defaults: a PATCH may leave out parts, but no part's parts."""
        values = dict(data)
        for field in self._writable_fields:
            name = str(field.field_name)
            if name in values:
                continue
            if field.required:
                errors[name] = ["This field is required."]
            elif field.default is not empty:
                # `get_default` would say that a PATCH has none.
                values[name] = field.default() if callable(field.default) else field.default
        return values

    def __getitem__(self, key: str) -> Any:
        """Return a field for a form; a list or an object is shown as JSON."""
        bound = super().__getitem__(key)
        if not isinstance(bound._field, _STRUCTURES):
            return bound
        return _Structure(bound._field, bound.value, bound.errors)

    def _from_form(self, form: Any, errors: dict[str, Any]) -> dict[str, Any]:
        """Return what the form says as if it had come in JSON; what can't be read lands in `errors`."""
        values: dict[str, Any] = {}
        for field in self._writable_fields:
            name = str(field.field_name)
            is_truth = isinstance(field, serializers.BooleanField)
            if is_truth and form.get(name, "").lower() not in _TRUTHS:
                errors[name] = ["Write true or false."]
                continue
            if not isinstance(field, _STRUCTURES):
                value = field.get_value(form)
            elif not (text := form.get(name, "").strip()):
                value = empty
            else:
                try:
                    value = strict_json.loads(text)
                except strict_json.Malformed as error:
                    errors[name] = [f"Write JSON here: {error}."]
                    continue
                if (complaint := _complaint(field, value)) is not None:
                    errors[name] = [complaint]
            if value is not empty:
                values[name] = value
        return values


class Serializer(StrictMixin):
    """A plain serializer: an action's input, or an answer that is no row."""


class ModelSerializer(StrictMixin, serializers.ModelSerializer[ModelT]):
    """A row. `fields` are always listed. Uniqueness is the service's to say: 409, not 400."""

    def get_unique_together_validators(self) -> list[Any]:
        """Return none: asking first would race, and would make fields of a constraint required."""
        return []

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        """Bound a whole number by what every database can hold, not by what this one can."""
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        span = _RANGES.get(model_field.get_internal_type())
        if span and "choices" not in kwargs:
            kwargs["min_value"] = max(kwargs.get("min_value", span[0]), span[0])
            kwargs["max_value"] = min(kwargs.get("max_value", span[1]), span[1])
            kwargs["validators"] = [
                validator
                for validator in kwargs.get("validators", ())
                if not isinstance(validator, MinValueValidator | MaxValueValidator)
            ]
        return field_class, kwargs


class QuerySerializer(serializers.Serializer[Any]):
    """What may stand behind the `?`: read strictly, where DRF would guess ("yes", "on", "1")."""

    def to_internal_value(self, data: Any) -> Any:
        """Check how truths and numbers are written, then the values. Raises ValidationError."""
        errors = {}
        for field in self._writable_fields:
            text = data.get(field.field_name)
            if text is None:
                continue
            if isinstance(field, serializers.BooleanField) and text not in ("true", "false"):
                errors[str(field.field_name)] = ["Write true or false."]
            if isinstance(field, serializers.IntegerField) and not _is_number(text):
                errors[str(field.field_name)] = ["A whole number is required."]
        if errors:
            raise serializers.ValidationError(errors)
        return super().to_internal_value(data)


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": BIGINT[1]})
class ScopedRelatedField(serializers.PrimaryKeyRelatedField[ModelT]):
    """A relation by id, found only inside the request's organization."""

    def get_queryset(self) -> models.QuerySet[ModelT]:
        """Return the organization's rows; none while the schema is drawn."""
        queryset: Any = super().get_queryset()
        if queryset is None:
            raise ImproperlyConfigured("ScopedRelatedField needs a queryset")
        organization = self.context.get("organization")
        return queryset.for_organization(organization) if organization else queryset.none()


def _bound(field: Any) -> None:
    match field:
        case serializers.IntegerField():
            if field.min_value is None:
                field.min_value = BIGINT[0]
                field.validators.append(MinValueValidator(BIGINT[0]))
            if field.max_value is None:
                field.max_value = BIGINT[1]
                field.validators.append(MaxValueValidator(BIGINT[1]))
        case serializers.CharField() if field.max_length is None and not field.read_only:
            field.max_length = MAX_TEXT
            field.validators.append(MaxLengthValidator(MAX_TEXT))
        case serializers.ListField():
            if field.max_length is None and not field.read_only:
                field.max_length = MAX_ITEMS
                field.validators.append(MaxLengthValidator(MAX_ITEMS))
            _bound(field.child)
        case serializers.DictField():
            _bound(field.child)


def _complaint(field: Any, value: Any) -> str | None:
    """Say what is wrong with the type of a value that came in JSON; None when nothing is."""
    if value is None:
        return None
    match field:
        case serializers.BooleanField():
            return None if isinstance(value, bool) else "Must be true or false."
        case serializers.IntegerField() | serializers.PrimaryKeyRelatedField():
            is_whole = type(value) is int or (type(value) is float and value.is_integer())
            return None if is_whole else "Must be a whole number."
        case serializers.FloatField() | serializers.DecimalField():
            return None if type(value) in (int, float) else "Must be a number."
        case serializers.ListField():
            if not isinstance(value, list):
                return "Must be a list."
            return next(filter(None, (_complaint(field.child, entry) for entry in value)), None)
        case serializers.DictField():
            if not isinstance(value, dict):
                return "Must be an object."
            return next(filter(None, (_complaint(field.child, entry) for entry in value.values())), None)
        case _ if isinstance(field, _TEXTS) and not isinstance(field, serializers.MultipleChoiceField):
            types = getattr(field, "json_types", (str,))
            return None if type(value) in types else "Must be a string."
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()
