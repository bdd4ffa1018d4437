"""Shapes of this room's API: layouts, batches and invitations."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chatboost.core.api.serializers import ModelSerializer, ScopedRelatedField, Serializer
from invitations import links
from invitations.choices import AssetKind, LuckyMode, NoticeMode, StorageKind
from invitations.models import (
    Invitation,
    InvitationBatch,
    InvitationLayout,
    InvitationSource,
    InvitationStep,
    LayoutAsset,
    LayoutVersion,
)
from invitations.selectors import invitations as selectors
from teams.models import ConnectedAccount

_PLAN = [
    *("layout_id", "storage", "account_id", "notices"),
    *("lucky_mode", "lucky_first", "lucky_last", "lucky_digits"),
]


class DocumentField(serializers.DictField):
    """A layout as JSON; its schema is at /invitations/layouts/schema."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(help_text="Version 1; /invitations/layouts/schema has its JSON Schema.", **kwargs)


class LayoutSerializer(ModelSerializer[InvitationLayout]):
    """A layout; batches begin with its latest version."""

    version = serializers.IntegerField(source="version_count", read_only=True)

    class Meta:
        model = InvitationLayout
        fields = ["id", "uuid", "name", "version", "created_at"]
        read_only_fields = ["uuid", "created_at"]
        validators: list[Any] = []


class LayoutDetailSerializer(LayoutSerializer):
    """A layout with its latest document. Another document becomes another version."""

    document = DocumentField()

    class Meta(LayoutSerializer.Meta):
        fields = [*LayoutSerializer.Meta.fields, "document"]

    def to_representation(self, instance: InvitationLayout) -> dict[str, Any]:
        """Show the latest version's document."""
        shown: dict[str, Any] = LayoutSerializer(instance, context=self.context).data
        newest = instance.versions.order_by("-number").first()
        return {**shown, "document": newest.document if newest else {}}


class LayoutVersionSerializer(ModelSerializer[LayoutVersion]):
    """A layout as it was saved."""

    layout_id = serializers.IntegerField(read_only=True)

    class Meta:
        model = LayoutVersion
        fields = ["id", "uuid", "layout_id", "number", "document", "assets", "actor_label", "created_at"]
        read_only_fields = ["document", "assets"]


class PreviewSerializer(Serializer):
    """What to draw, and whom: a contact of a source, or somebody made up."""

    document = DocumentField(required=False)
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="Without a document; default: the latest."
    )
    source_id = ScopedRelatedField(queryset=InvitationSource.objects.all(), required=False, allow_null=True)
    external_id = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="A contact of the source."
    )
    values = serializers.DictField(
        child=serializers.CharField(max_length=2000, allow_blank=True),
        required=False,
        help_text="Fields of a made-up contact, beside the source.",
    )


class AssetSerializer(ModelSerializer[LayoutAsset]):
    """A picture or a font that layouts name."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = LayoutAsset
        fields = ["id", "name", "kind", "media_type", "width", "height", "family", "url", "created_at"]

    def get_url(self, asset: LayoutAsset) -> str:
        """Return where the file is, for members."""
        return f"{links.base()}/invitations/pictures/{asset.file_uuid}"


class AssetUploadSerializer(Serializer):
    """A picture or a font to take."""

    file = serializers.FileField(allow_empty_file=True, use_url=False)
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=AssetKind.choices)


class BatchSerializer(ModelSerializer[InvitationBatch]):
    """A run through a source's contacts. What is left out of its plan is as the source has it."""

    source_id = ScopedRelatedField(source="source", queryset=InvitationSource.objects.all())
    layout_id = ScopedRelatedField(
        source="layout", queryset=InvitationLayout.objects.all(), required=False, allow_null=True
    )
    account_id = ScopedRelatedField(
        source="account", queryset=ConnectedAccount.objects.all(), required=False, allow_null=True
    )
    name = serializers.CharField(
        max_length=150, required=False, help_text="Default: the source's name and the time."
    )
    is_dry_run = serializers.BooleanField(required=False, help_text="Five cards; nothing is uploaded.")
    changed_since = serializers.DateTimeField(required=False, allow_null=True)
    storage = serializers.ChoiceField(choices=StorageKind.choices, required=False)
    lucky_mode = serializers.ChoiceField(choices=LuckyMode.choices, required=False)
    lucky_first = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    lucky_last = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    lucky_digits = serializers.IntegerField(min_value=0, max_value=20, required=False)
    notices = serializers.ChoiceField(choices=NoticeMode.choices, required=False)
    folder_url = serializers.CharField(read_only=True)
    layout_version = serializers.IntegerField(
        source="layout_version.number", read_only=True, default=None, allow_null=True
    )

    class Meta:
        model = InvitationBatch
        fields = [
            *("id", "uuid", "source_id", "name", "origin", "state", "is_dry_run", "changed_since"),
            *_PLAN,
            *("layout_version", "is_fetched", "fetch_error", "total_count", "done_count", "failed_count"),
            *("conflict_count", "skipped_count", "folder_url", "actor_label"),
            *("created_at", "started_at", "finished_at"),
        ]
        read_only_fields = ["state", "origin", "is_fetched"]
        validators: list[Any] = []

    def validate_source_id(self, source: InvitationSource) -> InvitationSource:
        """Keep a batch with its source. Raises ValidationError."""
        if self.instance is not None and self.instance.source_id != source.pk:
            raise serializers.ValidationError("A batch stays with its source.")
        return source

    def validate_is_dry_run(self, value: bool) -> bool:
        """Keep a batch what it is. Raises ValidationError."""
        if self.instance is not None and self.instance.is_dry_run != value:
            raise serializers.ValidationError("Plan another batch for that.")
        return value


class StepSerializer(ModelSerializer[InvitationStep]):
    """A step of an invitation."""

    class Meta:
        model = InvitationStep
        fields = ["step", "state", "attempt_count", "error_code", "error_detail", "started_at", "ended_at"]


@extend_schema_field({"type": ["array", "null"], "items": {"type": "integer"}, "minItems": 4, "maxItems": 4})
class BoxField(serializers.JSONField):
    """x, y, width and height in pixels of the photo."""


class InvitationSerializer(ModelSerializer[Invitation]):
    """One contact's card. Addresses of pictures are for members; `public_url` is for everybody."""

    batch_id = serializers.IntegerField(read_only=True)
    source_id = serializers.IntegerField(read_only=True)
    link = serializers.CharField(read_only=True)
    public_url = serializers.SerializerMethodField()
    photo_url = serializers.SerializerMethodField()
    card_url = serializers.SerializerMethodField()
    thumbnail_url = serializers.SerializerMethodField()

    class Meta:
        model = Invitation
        fields = [
            *("id", "uuid", "batch_id", "source_id", "external_id", "is_dry_run", "name", "email"),
            *("lucky_number", "state", "step", "error_code", "error_detail", "notes", "link", "found_link"),
            *("public_url", "photo_url", "card_url", "thumbnail_url", "card_width", "card_height"),
            *("created_at", "finished_at"),
        ]
        read_only_fields = ["notes"]

    def get_public_url(self, invitation: Invitation) -> str | None:
        """Return the page that needs no account; None before there is a card, and for a dry run."""
        is_public = invitation.card_uuid is not None and not invitation.is_dry_run
        return links.card(invitation.uuid) if is_public else None

    def get_photo_url(self, invitation: Invitation) -> str | None:
        """Return the prepared photo's address."""
        return selectors.picture_url(invitation.photo_uuid)

    def get_card_url(self, invitation: Invitation) -> str | None:
        """Return the card's address."""
        return selectors.picture_url(invitation.card_uuid)

    def get_thumbnail_url(self, invitation: Invitation) -> str | None:
        """Return the small picture's address."""
        return selectors.picture_url(invitation.thumbnail_uuid)


class InvitationDetailSerializer(InvitationSerializer):
    """One card with its steps, and the contact's fields as they were."""

    steps = serializers.SerializerMethodField()
    values = serializers.DictField(child=serializers.CharField(), read_only=True)
    face = BoxField(read_only=True, allow_null=True)
    crop = BoxField(read_only=True, allow_null=True)

    class Meta(InvitationSerializer.Meta):
        fields = [
            *InvitationSerializer.Meta.fields,
            *("photo_width", "photo_height", "face", "crop", "values", "steps"),
        ]

    @extend_schema_field(StepSerializer(many=True))
    def get_steps(self, invitation: Invitation) -> list[dict[str, Any]]:
        """Return the ledger in the order of the steps."""
        return list(StepSerializer(selectors.steps_of(invitation), many=True).data)


class CropBoxSerializer(Serializer):
    """A part of the photo, in its pixels."""

    x = serializers.IntegerField(min_value=0, max_value=100_000)
    y = serializers.IntegerField(min_value=0, max_value=100_000)
    width = serializers.IntegerField(min_value=1, max_value=100_000)
    height = serializers.IntegerField(min_value=1, max_value=100_000)


class CropSerializer(Serializer):
    """Which part of the photo is shown; null: as it is found."""

    crop = CropBoxSerializer(allow_null=True)


class ResolveSerializer(Serializer):
    """How a conflict ends."""

    keep = serializers.ChoiceField(
        choices=[("theirs", "What somebody wrote at the source"), ("ours", "Our link")]
    )


class PersonSerializer(Serializer):
    """Somebody who was invited: by e-mail address, or by a source and what it calls the contact."""

    email = serializers.EmailField(max_length=254, required=False)
    source_id = ScopedRelatedField(queryset=InvitationSource.objects.all(), required=False)
    external_id = serializers.CharField(max_length=200, required=False)


class ErasedSerializer(Serializer):
    """How many invitations were erased."""

    erased = serializers.IntegerField()


class WebhookAnswerSerializer(Serializer):
    """What became of a delivery."""

    status = serializers.CharField()
    invited = serializers.IntegerField(help_text="People who were new.")
