"""Serializers: unknown keys are refused, relations stay inside the organization."""

from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from rest_framework import serializers

ModelT = TypeVar("ModelT", bound=models.Model)


class StrictMixin(serializers.Serializer[Any]):
    """Refuses keys that the serializer does not know, so a typing error is not silently ignored.

    Read-only keys are accepted and ignored: a client may send back what it was given.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Check the keys, then the values. Raises ValidationError."""
        if isinstance(data, dict):
            unknown = sorted(set(map(str, data)) - set(self.fields) - {"csrfmiddlewaretoken"})
            if unknown:
                raise serializers.ValidationError({key: ["Unknown field."] for key in unknown})
        return super().to_internal_value(data)


class Serializer(StrictMixin):
    """A plain serializer: an action's input, or an answer that is no row."""


class ModelSerializer(StrictMixin, serializers.ModelSerializer[ModelT]):
    """A row. `fields` are always listed. Uniqueness is the service's to say: 409, not 400."""

    def get_unique_together_validators(self) -> list[Any]:
        """Return none: asking first would race, and would make fields of a constraint required."""
        return []


class ScopedRelatedField(serializers.PrimaryKeyRelatedField[ModelT]):
    """A relation by id, found only inside the request's organization."""

    def get_queryset(self) -> models.QuerySet[ModelT]:
        """Return the organization's rows; none while the schema is drawn."""
        queryset: Any = super().get_queryset()
        if queryset is None:
            raise ImproperlyConfigured("ScopedRelatedField needs a queryset")
        organization = self.context.get("organization")
        return queryset.for_organization(organization) if organization else queryset.none()
