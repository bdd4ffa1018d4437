"""/contacts/ and what is known about a contact."""

from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from chatboost.core.api.viewsets import ModelViewSet, ReadViewSet, permissions_for
from chatboost.messaging.api import filters
from chatboost.messaging.api.serializers.contacts import (
    AttributeSearchSerializer,
    AttributeSerializer,
    AttributesSerializer,
    ContactQuerySerializer,
    ContactSerializer,
    ContactWithAttributesSerializer,
)
from chatboost.messaging.models import Contact, ContactAttribute, OriginKind
from chatboost.messaging.selectors import contacts as selectors
from chatboost.messaging.services import attributes, contacts

_documented = extend_schema(parameters=[ContactQuerySerializer], responses=ContactWithAttributesSerializer)


@extend_schema_view(
    list=_documented, retrieve=_documented, create=_documented, update=_documented, partial_update=_documented
)
class ContactViewSet(ModelViewSet[Contact]):
    """People outside the organization. DELETE erases the person: messages keep counts and lose content."""

    queryset = selectors.existing().order_by("-id")
    serializer_class = ContactSerializer
    permission_map = permissions_for("messaging.contact") | {
        "destroy": "messaging.erase",
        "by_attribute": "messaging.view_contact",
    }
    lookup_url_kwarg = "contact_id"
    filterset_class = filters.ContactFilter
    search_fields = ["first_name", "last_name", "phone", "email"]
    ordering_fields = ["id", "first_name", "last_name", "created_at", "updated_at"]

    @cached_property
    def _shows_attributes(self) -> bool:
        query = ContactQuerySerializer(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        return bool(query.validated_data["include_attributes"])

    def get_queryset(self) -> QuerySet[Contact]:
        """Return the organization's contacts, with their attributes when these are asked for."""
        queryset = super().get_queryset()
        return selectors.with_attributes(queryset) if self._shows_attributes else queryset

    def get_serializer_class(self) -> type[BaseSerializer[Contact]]:
        """Show attributes when they are asked for."""
        return ContactWithAttributesSerializer if self._shows_attributes else ContactSerializer

    def perform_create(self, serializer: BaseSerializer[Contact]) -> None:
        """Add the contact."""
        serializer.instance = contacts.create(
            organization=self.organization, source=OriginKind.API, **serializer.validated_data
        )

    def perform_update(self, serializer: BaseSerializer[Contact]) -> None:
        """Change the contact."""
        serializer.instance = contacts.update(self.get_object(), **serializer.validated_data)

    def perform_destroy(self, instance: Contact) -> None:
        """Erase the person."""
        contacts.erase(instance, actor=self.request.user)

    @extend_schema(
        parameters=[AttributeSearchSerializer, ContactQuerySerializer],
        responses=ContactWithAttributesSerializer(many=True),
    )
    @action(detail=False, methods=["get"], url_path="search/by-attribute", filter_backends=[])
    def by_attribute(self, request: Request) -> Response:
        """Find contacts by an attribute's value. Case counts; "25.0" finds the number 25."""
        query = AttributeSearchSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        page = self.paginate_queryset(selectors.by_attribute(self.get_queryset(), **query.validated_data))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


@extend_schema(exclude=True)
class ContactAliasViewSet(ContactViewSet):
    """/flows/contacts/, where the older system had them."""


class AttributeViewSet(mixins.DestroyModelMixin, ReadViewSet[ContactAttribute]):
    """What is known about one contact."""

    queryset = ContactAttribute.objects.order_by("key")
    serializer_class = AttributeSerializer
    permission_map = permissions_for("messaging.contactattribute") | {
        "bulk": "messaging.change_contactattribute"
    }
    lookup_field = "key"
    filter_backends = []

    @cached_property
    def contact(self) -> Contact:
        """The contact of the path. Raises Http404."""
        people = selectors.existing().for_organization(self.organization)
        contact: Contact = get_object_or_404(people, pk=self.kwargs["contact_id"])
        return contact

    def get_queryset(self) -> QuerySet[ContactAttribute]:
        """Return the contact's attributes."""
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        return queryset.filter(contact=self.contact)

    @extend_schema(responses={200: AttributeSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Set an attribute, new or not."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        (attribute,) = attributes.set_many(contact=self.contact, entries=[body.validated_data])
        return Response(self.get_serializer(attribute).data)

    @extend_schema(request=AttributesSerializer, responses=AttributesSerializer)
    def bulk(self, request: Request, **kwargs: Any) -> Response:
        """Set several attributes: all, or none and an error for each wrong key."""
        body = AttributesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        stored = attributes.set_many(contact=self.contact, entries=body.validated_data["attributes"])
        return Response({"attributes": self.get_serializer(stored, many=True).data})

    def perform_destroy(self, instance: ContactAttribute) -> None:
        """Forget the attribute."""
        attributes.remove(instance)


@extend_schema_view(retrieve=extend_schema(exclude=True), destroy=extend_schema(exclude=True))
class BulkNameViewSet(AttributeViewSet):
    """…/attributes/bulk, which is also the address of an attribute that somebody called "bulk"."""
