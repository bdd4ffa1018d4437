"""What the API reads and writes about invites."""

from rest_framework import serializers

from chatboost.core.api.serializers import ModelSerializer, Serializer
from teams import names
from teams.api.serializers import EMAIL_LENGTH, password_field
from teams.models import Invite, InviteState
from teams.roles import Role


class InviteSerializer(ModelSerializer[Invite]):
    """An invite. Its link is in the mail and nowhere else."""

    state = serializers.ChoiceField(choices=InviteState.choices, read_only=True)

    class Meta:
        model = Invite
        fields = ["id", "email", "role", "state", "invited_by", "created_at", "sent_at", "expires_at"]
        read_only_fields = fields


class NewInviteSerializer(Serializer):
    """Who is asked in, and as what."""

    email = serializers.EmailField(max_length=EMAIL_LENGTH)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.VIEWER)


class AcceptSerializer(Serializer):
    """A new user; empty for one who is signed in."""

    name = serializers.CharField(max_length=150, allow_blank=True, default="", validators=[names.check])
    password = password_field(required=False)
