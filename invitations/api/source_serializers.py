"""Shapes of /invitations/sources/."""

from typing import Any

from rest_framework import serializers

from chatboost.core.api.serializers import ModelSerializer, ScopedRelatedField, Serializer
from chatboost.messaging.api.fields import SecretField
from invitations import links
from invitations.choices import AudienceKind, AuthKind, SourceKind
from invitations.models import InvitationLayout, InvitationSource
from teams.models import ConnectedAccount


class SourceSerializer(ModelSerializer[InvitationSource]):
    """Where contacts come from, what their fields mean, and what batches of them are like."""

    layout_id = ScopedRelatedField(
        source="layout", queryset=InvitationLayout.objects.all(), required=False, allow_null=True
    )
    account_id = ScopedRelatedField(
        source="account", queryset=ConnectedAccount.objects.all(), required=False, allow_null=True
    )
    kind = serializers.ChoiceField(choices=SourceKind.choices)
    auth = serializers.ChoiceField(choices=AuthKind.choices, required=False)
    audience = serializers.ChoiceField(choices=AudienceKind.choices, required=False)
    base_url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    password = SecretField()
    client_secret = SecretField()
    webhook_secret = SecretField()
    has_password = serializers.SerializerMethodField()
    has_client_secret = serializers.SerializerMethodField()
    has_webhook_secret = serializers.SerializerMethodField()
    webhook_url = serializers.SerializerMethodField()
    lucky_first = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    lucky_last = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    lucky_digits = serializers.IntegerField(min_value=0, max_value=20, required=False)
    poll_minutes = serializers.IntegerField(min_value=1, max_value=1440, required=False)

    class Meta:
        model = InvitationSource
        fields = [
            *("id", "uuid", "name", "kind", "is_enabled", "base_url", "auth", "username", "password"),
            *("has_password", "client_id", "client_secret", "has_client_secret", "audience", "audience_id"),
            *("file_name", "name_fields", "email_field", "photo_field", "lucky_field", "link_field"),
            *("layout_id", "storage", "account_id", "notices"),
            *("lucky_mode", "lucky_first", "lucky_last", "lucky_digits"),
            *("is_polled", "poll_minutes", "polled_at", "webhook_url", "webhook_secret"),
            *("has_webhook_secret", "paused_until", "error", "checked_at", "created_at"),
        ]
        read_only_fields = ["file_name", "polled_at", "paused_until", "error", "checked_at"]
        validators: list[Any] = []

    def get_has_password(self, source: InvitationSource) -> bool:
        """Tell whether one is stored."""
        return bool(source.password)

    def get_has_client_secret(self, source: InvitationSource) -> bool:
        """Tell whether one is stored."""
        return bool(source.client_secret)

    def get_has_webhook_secret(self, source: InvitationSource) -> bool:
        """Tell whether one is stored."""
        return bool(source.webhook_secret)

    def get_webhook_url(self, source: InvitationSource) -> str:
        """Return the address to enter in Mautic."""
        return f"{links.base()}/invitations/mautic-webhook/{source.uuid}"

    def validate_kind(self, kind: str) -> str:
        """Keep a source what it is. Raises ValidationError."""
        if self.instance is not None and self.instance.kind != kind:
            raise serializers.ValidationError("A source's kind can't be changed.")
        return kind


class SourceFieldSerializer(Serializer):
    """A field of the source's contacts."""

    alias = serializers.CharField()
    name = serializers.CharField(source="label")


class AudienceSerializer(Serializer):
    """What contacts can be taken from: `kind` and `id` are a source's `audience` and `audience_id`."""

    kind = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()


class CheckSerializer(Serializer):
    """What a source says about itself."""

    ok = serializers.BooleanField()
    account = serializers.CharField(allow_blank=True)
    contact_fields = SourceFieldSerializer(many=True, source="fields")
    audiences = AudienceSerializer(many=True)
    problems = serializers.ListField(child=serializers.CharField())


class TableSerializer(Serializer):
    """A table of people: CSV or Excel."""

    file = serializers.FileField(allow_empty_file=True, use_url=False)
