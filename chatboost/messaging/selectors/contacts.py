"""Reading contacts: those who have not been erased."""

from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from chatboost.core.models import OrganizationQuerySet
from chatboost.messaging import attribute_values
from chatboost.messaging.models import Contact, ContactAttribute


def existing() -> OrganizationQuerySet:
    """Return the contacts that interfaces may show."""
    return Contact.objects.filter(erased_at=None)


def with_attributes(contacts: QuerySet[Any]) -> QuerySet[Any]:
    """Fetch the attributes along, by key, in one more statement."""
    return contacts.prefetch_related(
        Prefetch("attributes", queryset=ContactAttribute.objects.order_by("key"))
    )


def by_attribute(contacts: QuerySet[Any], *, key: str, value: str) -> QuerySet[Any]:
    """Keep the contacts whose attribute has this value.

    The text is read as each type in turn, so "25.0" finds the number 25 and not the text "25". Case counts,
    and of a text the first 200 characters.
    """
    matches = Q()
    for value_type, text in attribute_values.search_terms(value).items():
        matches |= Q(value_type=value_type, search_value=text)
    owners = ContactAttribute.objects.filter(matches, key=key).values("contact")
    return contacts.filter(pk__in=owners)
