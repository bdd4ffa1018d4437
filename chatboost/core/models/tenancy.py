"""The abstract base of every domain row: it belongs to one organization."""

from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models


class OrganizationQuerySet(models.QuerySet[Any]):
    """Rows of organizations. `for_organization` is the only door for interfaces."""

    def for_organization(self, organization: Any) -> Self:
        """Keep the rows of one organization (an instance or its id)."""
        return self.filter(organization=organization)


class OrganizationModel(models.Model):
    """A row of one organization. Relations to rows of another organization are refused by `full_clean`."""

    organization = models.ForeignKey("teams.Organization", on_delete=models.CASCADE, related_name="+")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        abstract = True

    def clean(self) -> None:
        """Refuse relations that cross organizations."""
        super().clean()
        foreign = [field.name for field in self._scoped_relations() if not self._is_same_organization(field)]
        if foreign:
            raise ValidationError(dict.fromkeys(foreign, "Not found in this organization."))

    def _is_same_organization(self, field: models.ForeignKey[Any, Any]) -> bool:
        # A required relation that is missing is for the field's own check to name.
        if getattr(self, field.attname) is None:
            return True
        return bool(getattr(self, field.name).organization_id == self.organization_id)

    @classmethod
    def _scoped_relations(cls) -> list[models.ForeignKey[Any, Any]]:
        return [
            field
            for field in cls._meta.concrete_fields
            if isinstance(field, models.ForeignKey)
            and isinstance(field.related_model, type)
            and issubclass(field.related_model, OrganizationModel)
        ]
