"""The abstract base of every domain row: it belongs to one organization."""

from collections.abc import Iterable, Iterator
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from chatboost.core import tenancy

# What a filter on the organization looks like; `message__organization` counts as well.
_OWNERS = {"organization", "organization_id"}
_LOOKUPS = {"exact", "in", "id", "pk"}


class OrganizationQuerySet(models.QuerySet[Any]):
    """Rows of organizations. `for_organization` is the only door for interfaces.

    A queryset is *bound* when it keeps to one organization: by a filter on it, on a row of it that somebody
    has loaded, or as a relation of such a row. Behind `tenancy.wall()` one that is not raises `UnboundQuery`
    when it runs. `exists` alone is free: constraints that hold for the whole installation ask it.
    """

    _is_bound = False

    def for_organization(self, organization: Any) -> Self:
        """Keep the rows of one organization (an instance or its id)."""
        return self.filter(organization=organization)

    def across_organizations(self) -> Self:
        """Read on purpose what may belong to anyone: credentials, a vendor's address, metrics."""
        return self._bound(self._chain())  # type: ignore[attr-defined]

    def filter(self, *args: Any, **kwargs: Any) -> Self:
        """Filter, and note whether that binds the queryset."""
        found = super().filter(*args, **kwargs)
        is_binding = any(map(_binds, args)) or any(_is_owner(key, value) for key, value in kwargs.items())
        return self._bound(found) if is_binding else found

    def __or__(self, other: Any) -> Self:
        """Unite two querysets; the union is bound when both are."""
        found: Self = super().__or__(other)
        found._is_bound = self._is_bound and bool(getattr(other, "_is_bound", False))
        return found

    def iterator(self, chunk_size: int | None = None) -> Iterator[Any]:
        """Stream the rows. Raises: UnboundQuery."""
        self._require_bound()
        return super().iterator(chunk_size) if chunk_size else super().iterator()

    def count(self) -> int:
        """Count the rows. Raises: UnboundQuery."""
        self._require_bound()
        return super().count()

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Aggregate the rows. Raises: UnboundQuery."""
        self._require_bound()
        return super().aggregate(*args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        """Change the rows. Raises: UnboundQuery."""
        self._require_bound()
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Remove the rows. Raises: UnboundQuery."""
        self._require_bound()
        return super().delete()

    def bulk_update(self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None) -> int:
        """Save fields of rows that somebody has loaded."""
        bound = self.across_organizations()
        return super(OrganizationQuerySet, bound).bulk_update(objs, fields, batch_size)

    def _fetch_all(self) -> None:
        if self._result_cache is None:
            self._require_bound()
        super()._fetch_all()

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]
        clone._is_bound = self._is_bound
        return clone

    def _bound(self, found: Self) -> Self:
        found._is_bound = True
        return found

    def _require_bound(self) -> None:
        if not tenancy.is_wall_up() or self._is_bound or self.query.is_empty():
            return
        # A related manager says whose relation it is.
        if _is_row(getattr(self, "_hints", {}).get("instance")):
            return
        raise tenancy.UnboundQuery(f"{self.model._meta.label} is asked for without an organization")


class OrganizationModel(models.Model):
    """A row of one organization. Relations to rows of another organization are refused by `full_clean`."""

    organization = models.ForeignKey("teams.Organization", on_delete=models.CASCADE, related_name="+")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        abstract = True

    def clean(self) -> None:
        """Refuse relations that cross organizations."""
        super().clean()
        foreign = [field.name for field in self.scoped_relations() if not self._is_same_organization(field)]
        if foreign:
            raise ValidationError(dict.fromkeys(foreign, "Not found in this organization."))

    def _is_same_organization(self, field: models.ForeignKey[Any, Any]) -> bool:
        # A required relation that is missing is for the field's own check to name.
        if getattr(self, field.attname) is None:
            return True
        return bool(getattr(self, field.name).organization_id == self.organization_id)

    @classmethod
    def scoped_relations(cls) -> list[models.ForeignKey[Any, Any]]:
        """Return the foreign keys that must stay inside the organization."""
        return [
            field
            for field in cls._meta.concrete_fields
            if isinstance(field, models.ForeignKey)
            and isinstance(field.related_model, type)
            and issubclass(field.related_model, OrganizationModel)
        ]


def _binds(condition: Any) -> bool:
    """Tell whether a positional condition keeps to one organization."""
    if not isinstance(condition, Q) or condition.negated:
        return False
    found = [_is_owner(*child) if isinstance(child, tuple) else _binds(child) for child in condition.children]
    return bool(found) and (all(found) if condition.connector == Q.OR else any(found))


def _is_owner(key: str, value: Any) -> bool:
    """Tell whether `key=value` names an organization, or rows of one that somebody has loaded."""
    parts = key.split("__")
    while len(parts) > 1 and parts[-1] in _LOOKUPS:
        parts.pop()
    if parts[-1] in _OWNERS:
        return value is not None
    if isinstance(value, OrganizationQuerySet):
        return value._is_bound
    if isinstance(value, list | tuple | set):
        return bool(value) and all(map(_is_row, value))
    return _is_row(value)


def _is_row(value: Any) -> bool:
    return isinstance(value, OrganizationModel) and value.pk is not None
