"""Viewsets bound to the request's organization."""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar, cast

from django.db import models, transaction
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from chatboost.core.api.idempotency import IdempotentView
from chatboost.core.db.retry import retry_tx
from chatboost.core.models import OrganizationQuerySet

ModelT = TypeVar("ModelT", bound=models.Model)


class OrganizationViewSet(IdempotentView, viewsets.GenericViewSet[ModelT], Generic[ModelT]):
    """A viewset whose queryset is bound to the organization; a foreign id is 404.

    `permission_map` names a permission for every action; one without an entry is refused. Ids are digits.
    """

    permission_map: ClassVar[dict[str, str]] = {}
    lookup_value_regex = "[0-9]{1,18}"

    @property
    def organization(self) -> Any:
        """The organization of the request; the permission class has made sure there is one."""
        return self.request.organization  # type: ignore[attr-defined]

    def get_queryset(self) -> models.QuerySet[ModelT]:
        """Return the rows of the request's organization, and none while the schema is drawn."""
        queryset = cast(OrganizationQuerySet, super().get_queryset())
        if getattr(self, "swagger_fake_view", False):
            return queryset.none()
        return queryset.for_organization(self.organization)

    def get_serializer_context(self) -> dict[str, Any]:
        """Give serializers the organization, so their relations are scoped too."""
        organization = getattr(self.request, "organization", None)
        return {**super().get_serializer_context(), "organization": organization}

    @transaction.atomic
    def perform_create(self, serializer: BaseSerializer[ModelT]) -> None:
        """Save a new row in the organization; a viewset with a service calls it here instead."""
        serializer.save(organization=self.organization)

    @transaction.atomic
    def perform_update(self, serializer: BaseSerializer[ModelT]) -> None:
        """Save a changed row."""
        serializer.save()

    @transaction.atomic
    def perform_destroy(self, instance: ModelT) -> None:
        """Remove a row."""
        instance.delete()


class ReadViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, OrganizationViewSet[ModelT]):
    """List and detail."""


class ModelViewSet(
    # First, so that its `perform_…` methods are found before those of the mixins.
    ReadViewSet[ModelT],
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
):
    """List, detail, create, update and delete.

    Each write is one transaction, from the first look at a row to the answer, and starts again after a
    deadlock: what `perform_…` does must have no effect outside the database.
    """

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add a row."""
        return _in_one_transaction(lambda: super(ModelViewSet, self).create(request, *args, **kwargs))

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change a row; `partial` is PATCH."""
        return _in_one_transaction(lambda: super(ModelViewSet, self).update(request, *args, **kwargs))

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Remove a row."""
        return _in_one_transaction(lambda: super(ModelViewSet, self).destroy(request, *args, **kwargs))


def _in_one_transaction(handler: Callable[[], Response]) -> Response:
    return retry_tx(transaction.atomic(handler))


def permissions_for(
    model: str, *, view: str = "view", change: str = "change", delete: str = "delete"
) -> dict[str, str]:
    """Return the usual map of a model (`app.model`): who reads it, who writes it, who deletes it."""
    app, _, noun = model.partition(".")
    reading, writing, deleting = (f"{app}.{verb}_{noun}" for verb in (view, change, delete))
    return {
        "list": reading,
        "retrieve": reading,
        "create": writing,
        "update": writing,
        "partial_update": writing,
        "destroy": deleting,
    }


__all__ = ["ModelViewSet", "OrganizationViewSet", "ReadViewSet", "permissions_for"]
