"""Our own contacts: all that are active, or those with an attribute; the link becomes an attribute."""

import re
from datetime import datetime
from typing import Any, ClassVar, Final

from django.db.models import Q, QuerySet

from chatboost.core.errors import ValidationFailed
from chatboost.core.interpolation_filters import to_text
from chatboost.messaging.models import Contact, ContactAttribute, ContactStatus
from chatboost.messaging.selectors import contacts as selectors
from chatboost.messaging.services import attributes
from invitations.providers import photos, rows
from invitations.providers.base import Checked, Field, Gone, Invalid, Page, Person, Token, bounded

PAGE_SIZE: Final = 200
MAX_LISTED: Final = 200
COLUMNS: Final = ("first_name", "last_name", "email", "phone", "language")
_CURSOR: Final = re.compile(r"[0-9]{0,18}")


class OwnContacts:
    """The contacts of an organization. `attribute` is `key=value`, or "" for everybody."""

    writes_links: ClassVar[bool] = True
    renewed: Token | None = None

    def __init__(self, organization_id: int, *, attribute: str = "") -> None:
        self._organization_id = organization_id
        self._attribute = attribute

    def check(self) -> Checked:
        """Count the contacts, and list what is known about people."""
        with rows.reading():
            count = self._chosen().count()
            own = ContactAttribute.objects.filter(organization_id=self._organization_id)
            keys = list(own.order_by("key").values_list("key", flat=True).distinct()[:MAX_LISTED])
        fields = [Field(name, name.replace("_", " ").capitalize()) for name in COLUMNS]
        fields += [Field(key, key) for key in keys if key not in COLUMNS]
        return Checked(f"{count:,} contacts", fields)

    def page(self, cursor: str, since: datetime | None) -> Page:
        """Return the people behind an id. Raises: Invalid (`bad_cursor`)."""
        if not _CURSOR.fullmatch(cursor):
            raise Invalid("The cursor is not one of this source.", "bad_cursor")
        with rows.reading():
            people = self._chosen().filter(pk__gt=int(cursor or 0)).order_by("pk")
            if since is not None:
                recent = ContactAttribute.objects.filter(
                    organization_id=self._organization_id, updated_at__gte=since
                )
                people = people.filter(Q(updated_at__gte=since) | Q(pk__in=recent.values("contact")))
            found = list(selectors.with_attributes(people[:PAGE_SIZE]))
        following = str(found[-1].pk) if len(found) == PAGE_SIZE else ""
        return Page([_person(contact) for contact in found], following)

    def person(self, external_id: str) -> Person:
        """Return one of them. Raises: Gone."""
        with rows.reading():
            return _person(self._one(external_id))

    def read_link(self, external_id: str, field: str) -> str:
        """Return an attribute's text, "" for one that is not set. Raises: Gone."""
        return self.person(external_id).values.get(field, "")

    def write_link(self, external_id: str, field: str, link: str) -> None:
        """Set an attribute. Raises: Gone, Invalid."""
        if field in COLUMNS:
            raise Invalid("The link goes into an attribute, not into the contact itself.", "no_such_field")
        with rows.reading():
            contact = self._one(external_id)
            try:
                attributes.set_many(
                    contact=contact, entries=[{"key": field, "value": link, "value_type": "string"}]
                )
            except ValidationFailed as refusal:
                raise Invalid(refusal.message, refusal.code) from refusal

    def photo(self, address: str) -> bytes:
        """Fetch a photo. Raises: PhotoProblem."""
        return photos.fetch(address)

    def _chosen(self) -> QuerySet[Any]:
        people = self._existing().filter(status=ContactStatus.ACTIVE)
        key, _, value = self._attribute.partition("=")
        return selectors.by_attribute(people, key=key.strip(), value=value.strip()) if key else people

    def _existing(self) -> QuerySet[Any]:
        return selectors.existing().filter(organization_id=self._organization_id)

    def _one(self, external_id: str) -> Contact:
        is_id = external_id.isascii() and external_id.isdigit() and len(external_id) < 19
        contact = self._existing().filter(pk=int(external_id)).first() if is_id else None
        if contact is None:
            raise Gone("The contact is not there any more.")
        return contact


def _person(contact: Contact) -> Person:
    known = {attribute.key: to_text(attribute.value) or "" for attribute in contact.attributes.all()}
    columns = {name: getattr(contact, name) for name in COLUMNS}
    return Person(str(contact.pk), bounded({**known, **columns}, first=COLUMNS))
