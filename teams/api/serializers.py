"""What this room's API reads and writes."""

from typing import Any, ClassVar

from rest_framework import serializers

from chatboost.core.api.serializers import ModelSerializer, Serializer
from teams import names
from teams.models import ApiKey, Organization
from teams.roles import Role

EMAIL_LENGTH = 254
PASSWORD_LENGTH = 1024


def password_field(*, required: bool = True) -> serializers.CharField:
    """Return a field for a secret: taken as it is typed, never shown."""
    return serializers.CharField(
        max_length=PASSWORD_LENGTH,
        trim_whitespace=False,
        write_only=True,
        style={"input_type": "password"},
        required=required,
    )


class RegistrationSerializer(Serializer):
    """A new user and, optionally, how their organization is called."""

    email = serializers.EmailField(max_length=EMAIL_LENGTH)
    password = password_field()
    name = serializers.CharField(max_length=150, allow_blank=True, default="", validators=[names.check])
    organization_name = serializers.CharField(
        max_length=120,
        allow_blank=True,
        default="",
        validators=[names.check],
        help_text="The company; without it the person's name is taken.",
    )


class _CredentialsSerializer(Serializer):
    password = password_field()
    grant_type = serializers.CharField(max_length=20, required=False, allow_blank=True)
    scope = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    client_id = serializers.CharField(max_length=200, required=False, allow_blank=True)
    client_secret = serializers.CharField(max_length=200, required=False, allow_blank=True, write_only=True)


class EmailSignInSerializer(_CredentialsSerializer):
    """Credentials."""

    email = serializers.CharField(max_length=EMAIL_LENGTH)


class UsernameSignInSerializer(_CredentialsSerializer):
    """Credentials in OAuth2's words."""

    username = serializers.CharField(max_length=EMAIL_LENGTH, help_text="The e-mail, as OAuth2 calls it.")


class SignInSerializer(_CredentialsSerializer):
    """Credentials as JSON, or as OAuth2's password form, whose `username` is the e-mail."""

    email = serializers.CharField(max_length=EMAIL_LENGTH, required=False)
    username = serializers.CharField(max_length=EMAIL_LENGTH, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Make sure there is one name to sign in with."""
        names = {attrs[field].strip().lower() for field in ("email", "username") if field in attrs}
        if len(names) != 1:
            raise serializers.ValidationError({"email": ["Send one of email and username."]})
        attrs["email"] = names.pop()
        return attrs


class RefreshSerializer(Serializer):
    """A refresh token, as JSON or as OAuth2's form."""

    refresh_token = serializers.CharField(max_length=4096)
    grant_type = serializers.CharField(max_length=20, required=False, allow_blank=True)


class SecondStepSerializer(Serializer):
    """The second step of a sign-in."""

    mfa_token = serializers.CharField(max_length=100, help_text="From the answer that said `mfa_required`.")
    code = serializers.CharField(max_length=20, help_text="Of the authenticator app, or a recovery code.")


class TokensSerializer(Serializer):
    """A token pair."""

    access_token = serializers.CharField()
    token_type = serializers.CharField(help_text="`bearer`")
    expires_in = serializers.IntegerField(help_text="Seconds until the access token ends.")
    refresh_token = serializers.CharField(help_text="Works once; used again, it ends the session.")


class PasswordChangeSerializer(Serializer):
    """The current password and the new one."""

    current_password = password_field()
    new_password = password_field()


class PasswordResetMailSerializer(Serializer):
    """The first step."""

    email = serializers.EmailField(max_length=EMAIL_LENGTH)


class NewPasswordSerializer(Serializer):
    """The second step: the key of the mail and the new password."""

    key = serializers.CharField(max_length=200)
    password = password_field()


class PasswordResetSerializer(Serializer):
    """Either step."""

    email = serializers.EmailField(max_length=EMAIL_LENGTH, required=False)
    key = serializers.CharField(max_length=200, required=False)
    password = serializers.CharField(
        max_length=PASSWORD_LENGTH, trim_whitespace=False, write_only=True, required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Tell the two steps apart."""
        if set(attrs) not in ({"email"}, {"key", "password"}):
            raise serializers.ValidationError("Send the email, or the key of the mail and a password.")
        return attrs


class SeatSerializer(Serializer):
    """An organization of the caller, and the caller's role there."""

    id = serializers.IntegerField(source="organization.id")
    name = serializers.CharField(source="organization.name")
    slug = serializers.CharField(source="organization.slug", help_text="For the X-Organization header.")
    time_zone = serializers.CharField(source="organization.time_zone")
    language = serializers.CharField(source="organization.language")
    role = serializers.ChoiceField(choices=Role.choices)


class MeSerializer(Serializer):
    """Who the caller is, where they belong and what they may do in the request's organization."""

    id = serializers.IntegerField(allow_null=True, help_text="Empty for an API key.")
    email = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    is_staff = serializers.BooleanField(help_text="Of the installation's staff.")
    organizations = SeatSerializer(many=True)
    organization = SeatSerializer(
        allow_null=True, help_text="Of this request; empty while a member of several names none."
    )
    permissions = serializers.ListField(child=serializers.CharField())


class MemberSerializer(Serializer):
    """A user as a member of an organization."""

    id = serializers.IntegerField(source="user.id")
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    is_active = serializers.BooleanField(source="user.is_active")
    role = serializers.ChoiceField(choices=Role.choices)
    joined_at = serializers.DateTimeField(source="created_at")


class ColleagueSerializer(MemberSerializer):
    """A user as a member of one of the caller's organizations."""

    organization = serializers.SlugField(source="organization.slug")


class MemberRoleSerializer(Serializer):
    """What a member may do."""

    role = serializers.ChoiceField(choices=Role.choices)


class MemberByIdSerializer(MemberRoleSerializer):
    """Somebody whom the caller sees in `/auth/users`, as a member of another organization."""

    user_id = serializers.IntegerField(min_value=1)


class MemberByEmailSerializer(MemberRoleSerializer):
    """The same person, by address."""

    email = serializers.EmailField(max_length=EMAIL_LENGTH)


class NewMemberSerializer(MemberRoleSerializer):
    """A person by id or by address, and a role."""

    user_id = serializers.IntegerField(min_value=1, required=False)
    email = serializers.EmailField(max_length=EMAIL_LENGTH, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Make sure that there is one person."""
        if len(attrs.keys() & {"user_id", "email"}) != 1:
            raise serializers.ValidationError({"email": ["Send one of email and user_id."]})
        return attrs


class HeirSerializer(Serializer):
    """The member who becomes the owner."""

    user_id = serializers.IntegerField(min_value=1)


class DeletionSerializer(Serializer):
    """Says again which organization is meant."""

    slug = serializers.CharField(max_length=60, help_text="Of the organization.")


class UsageSerializer(Serializer):
    """How much of a limit is used."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    used = serializers.IntegerField()
    limit = serializers.IntegerField(source="value", allow_null=True, help_text="Empty: no limit.")


class StatisticsSerializer(Serializer):
    """Figures of an organization."""

    members = serializers.IntegerField()
    members_by_role = serializers.DictField(child=serializers.IntegerField())
    pending_invites = serializers.IntegerField()
    limits = UsageSerializer(many=True, source="usage")


class OrganizationSerializer(ModelSerializer[Organization]):
    """An organization."""

    slug = serializers.SlugField(
        max_length=60, required=False, help_text="Made from the name when missing; it can't be changed later."
    )

    class Meta:
        model = Organization
        fields: ClassVar[list[str]] = [
            "id",
            "name",
            "slug",
            "time_zone",
            "language",
            "second_step",
            "created_at",
        ]
        # An owner who opens an organization may have no second step of their own yet.
        read_only_fields: ClassVar[list[str]] = ["second_step"]


class OrganizationUpdateSerializer(OrganizationSerializer):
    """An organization, whose slug stays."""

    slug = serializers.SlugField(read_only=True)

    class Meta(OrganizationSerializer.Meta):
        read_only_fields: ClassVar[list[str]] = []


class PermissionCheckSerializer(Serializer):
    """Whether the caller holds a permission in the request's organization."""

    permission = serializers.CharField()
    is_allowed = serializers.BooleanField()
    role = serializers.ChoiceField(choices=Role.choices)


class RoleSerializer(Serializer):
    """A role and what it may do."""

    role = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    permissions = serializers.ListField(child=serializers.CharField())


class ApiKeySerializer(ModelSerializer[ApiKey]):
    """An API key without its secret."""

    scopes = serializers.ListField(
        child=serializers.CharField(max_length=100),
        max_length=200,
        required=False,
        help_text="Permissions out of what the role holds; none means all of them.",
    )

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "prefix",
            "role",
            "scopes",
            "created_by",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        ]
        read_only_fields = ["prefix", "created_by", "created_at", "revoked_at", "last_used_at"]


class NewApiKeySerializer(ApiKeySerializer):
    """An API key just made, with its text, which is shown this once."""

    key = serializers.CharField(read_only=True)

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]
