"""Contacts and what is known about them."""

from typing import Any

from rest_framework import serializers

from chatboost.core.api.serializers import ModelSerializer, QuerySerializer, Serializer
from chatboost.messaging.api.fields import AttributeKeyField, PhoneField
from chatboost.messaging.models import Contact, ContactAttribute, ValueType


class AttributeSerializer(ModelSerializer[ContactAttribute]):
    """An attribute. A value that arrives as text is read as its `value_type`, and stored and shown typed."""

    key = AttributeKeyField()
    value = serializers.JSONField(allow_null=True)
    value_type = serializers.ChoiceField(choices=ValueType.choices, default=ValueType.STRING)

    class Meta:
        model = ContactAttribute
        fields = ["key", "value", "value_type", "updated_at"]


class AttributesSerializer(Serializer):
    """Several attributes: all are stored, or none."""

    attributes = AttributeSerializer(many=True, allow_empty=False)


class ContactSerializer(ModelSerializer[Contact]):
    """A person. `attributes` are written along; those that are not named stay."""

    phone = PhoneField(required=False, allow_null=True)
    attributes = AttributeSerializer(many=True, required=False, write_only=True)

    class Meta:
        model = Contact
        fields = [
            "id",
            "phone",
            "external_user_id",
            "first_name",
            "last_name",
            "email",
            "language",
            "status",
            "attributes",
            "created_at",
            "updated_at",
        ]


class ContactWithAttributesSerializer(ContactSerializer):
    """A person with what is known about them: `?include_attributes=true`."""

    attributes = AttributeSerializer(many=True, required=False)

    class Meta(ContactSerializer.Meta):
        pass

    def to_representation(self, instance: Contact) -> dict[str, Any]:
        """Show the attributes by key."""
        shown: dict[str, Any] = super().to_representation(instance)
        shown["attributes"].sort(key=lambda attribute: attribute["key"])
        return shown


class ContactQuerySerializer(QuerySerializer):
    """What may stand behind the `?` of a contact."""

    include_attributes = serializers.BooleanField(default=False, help_text="Show the attributes along.")


class AttributeSearchSerializer(QuerySerializer):
    """`?key=&value=`"""

    key = AttributeKeyField()
    value = serializers.CharField(max_length=8192, allow_blank=True, trim_whitespace=False)
