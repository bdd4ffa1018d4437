"""What the API of notifications reads and writes."""

from typing import Any

from rest_framework import serializers

from chatboost.core.api.serializers import ModelSerializer, Serializer
from teams.models import Medium, Notification, NotificationType

MAX_IDS = 500


class NotificationSerializer(ModelSerializer[Notification]):
    """One thing that the caller was told."""

    cursor = serializers.IntegerField(
        source="seq",
        read_only=True,
        allow_null=True,
        help_text="Its place in the person's inbox, as the WebSocket counts. Null: only by other media.",
    )
    is_read = serializers.SerializerMethodField()

    class Meta:
        model = Notification
        fields = (
            *("id", "cursor", "type", "severity", "title", "body", "url"),
            *("is_read", "read_at", "created_at"),
        )
        read_only_fields = fields

    def get_is_read(self, row: Notification) -> bool:
        """Tell whether it was read."""
        return row.read_at is not None


class CountsSerializer(Serializer):
    """How many there are."""

    total_count = serializers.IntegerField(read_only=True)
    unread_count = serializers.IntegerField(read_only=True)


class TypeCountsSerializer(CountsSerializer):
    """How many there are of one type."""

    type = serializers.ChoiceField(choices=NotificationType.choices, read_only=True)


class SummarySerializer(CountsSerializer):
    """How many there are of which type, and the latest."""

    by_type = TypeCountsSerializer(many=True, read_only=True)
    latest = NotificationSerializer(many=True, read_only=True)


class DaySerializer(Serializer):
    """How many of one type came on one day."""

    date = serializers.DateField(read_only=True)
    type = serializers.ChoiceField(choices=NotificationType.choices, read_only=True)
    total_count = serializers.IntegerField(read_only=True)


class NotificationStatsSerializer(Serializer):
    """The last days, in UTC; days and types without notifications are left out."""

    since = serializers.DateField(read_only=True)
    until = serializers.DateField(read_only=True)
    days = DaySerializer(many=True, read_only=True)


class ChangedCountSerializer(Serializer):
    """How many were changed."""

    count = serializers.IntegerField(read_only=True)


class NotificationActionSerializer(Serializer):
    """What is to be done with which notifications; ids that are none of the caller's are left alone."""

    action = serializers.ChoiceField(choices=[("read", "Read"), ("unread", "Unread"), ("delete", "Delete")])
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1), allow_empty=False, max_length=MAX_IDS
    )


class TestNotificationSerializer(Serializer):
    """By which media a test goes to the caller; without any, in the console."""

    media = serializers.ListField(
        child=serializers.ChoiceField(choices=Medium.choices),
        allow_empty=False,
        max_length=len(Medium),
        default=lambda: [Medium.IN_APP.value],
    )
    type = serializers.ChoiceField(choices=NotificationType.choices, default=NotificationType.SYSTEM.value)


class MediaSerializer(Serializer):
    """Each medium, on or off."""

    in_app = serializers.BooleanField(required=False)
    email = serializers.BooleanField(required=False)
    telegram = serializers.BooleanField(required=False)


class PreferencesSerializer(Serializer):
    """Each type with its media. A PUT may leave out what stays as it is."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return a field for each type."""
        return {type.value: MediaSerializer(required=False) for type in NotificationType}
