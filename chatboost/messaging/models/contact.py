"""Contacts: the people who write to a bot, and what is known about them."""

from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.models import OrganizationModel


class ContactStatus(models.TextChoices):
    """Whether we talk to the person."""

    ACTIVE = "active", "Active"
    BLOCKED = "blocked", "Blocked"
    ARCHIVED = "archived", "Archived"


class Contact(OrganizationModel):
    """A person outside the organization.

    `phone` is `+` and digits, or null for someone whom WhatsApp shows only by a business-scoped user id;
    that id, or the simulated phone's, is `external_user_id`.

    An erased contact (`erased_at`) keeps its row, so that messages can still be counted, and nothing that
    says who it was. Interfaces treat it as gone.
    """

    phone = models.CharField(max_length=24, null=True, blank=True)  # noqa: DJ001 null: unique where known
    external_user_id = models.CharField(max_length=160, null=True, blank=True, editable=False)  # noqa: DJ001 as above
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    email = models.EmailField(blank=True)
    language = models.CharField(max_length=16, blank=True)
    status = models.CharField(max_length=10, choices=ContactStatus, default=ContactStatus.ACTIVE)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "phone"],
                condition=Q(phone__isnull=False),
                name="contact_phone_unique",
            ),
            models.UniqueConstraint(
                fields=["organization", "external_user_id"],
                condition=Q(external_user_id__isnull=False),
                name="contact_user_id_unique",
            ),
        ]
        indexes = [
            # Changelist and GET /contacts/, newest first.
            models.Index(fields=["organization", "-id"], name="contact_list"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.phone or self.external_user_id or f"Contact {self.pk}"

    @property
    def full_name(self) -> str:
        """First and last name, or an empty string."""
        return f"{self.first_name} {self.last_name}".strip()


class ValueType(models.TextChoices):
    """How an attribute's value is stored and compared."""

    STRING = "string", "Text"
    NUMBER = "number", "Number"
    BOOLEAN = "boolean", "Yes or no"
    JSON = "json", "JSON"
    DATE = "date", "Date"
    DATETIME = "datetime", "Date and time"


class ContactAttribute(OrganizationModel):
    """One fact about a contact. `value` is typed JSON; `search_value` is its text, for look-ups."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="attributes")
    key = models.CharField(max_length=64)
    value = models.JSONField(null=True)
    value_type = models.CharField(max_length=10, choices=ValueType, default=ValueType.STRING)
    search_value = models.CharField(max_length=200, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "key"], name="attribute_once_per_contact")]
        indexes = [
            # GET /contacts/search/by-attribute
            models.Index(fields=["organization", "key", "search_value"], name="attribute_search"),
        ]

    def __str__(self) -> str:
        return self.key
