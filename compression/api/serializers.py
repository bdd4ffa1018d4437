"""Shapes of this room's API."""

from django.core.validators import RegexValidator
from rest_framework import serializers

from chatboost.core.api.serializers import Serializer
from compression.choices import ImageState, Mode, Output, RequestState

_STATES = [(state.value.upper(), state.label) for state in RequestState]
_IMAGE_STATES = [(state.value.upper(), state.label) for state in ImageState]


# Shown in the API's document, so that whoever reads it knows what is taken.
WEBHOOK_URL = RegexValidator(
    r"\Ahttps?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?([/?][!-~]*)?\Z", "This is no http or https URL."
)


class UploadSerializer(Serializer):
    """A table of image URLs; without wishes, the organization's settings count."""

    file = serializers.FileField(
        allow_empty_file=True,
        use_url=False,
        help_text="CSV or Excel (.xlsx): serial number, product name, and image URLs with commas between.",
    )
    email = serializers.EmailField(max_length=254, help_text="Gets the output table.")
    webhook_url = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=2000,
        validators=[WEBHOOK_URL],
        help_text="Is told, by a signed POST, when all images have ended.",
    )
    mode = serializers.ChoiceField(choices=Mode.choices, required=False)
    quality = serializers.IntegerField(min_value=1, max_value=100, required=False)
    percent = serializers.IntegerField(min_value=1, max_value=100, required=False)
    output = serializers.ChoiceField(choices=Output.choices, required=False)


class AcceptedSerializer(Serializer):
    """Where to follow the request: /compression/status/{request_id}."""

    request_id = serializers.UUIDField()


class ImageStatusSerializer(Serializer):
    """One image: how it ended, or where it is."""

    state = serializers.ChoiceField(choices=_IMAGE_STATES)
    is_kept = serializers.BooleanField(help_text="The input was the smallest there was.")
    error = serializers.CharField(allow_blank=True, help_text="A stable code; empty for none.")
    error_detail = serializers.CharField(allow_blank=True)
    bytes_before = serializers.IntegerField(allow_null=True)
    bytes_after = serializers.IntegerField(allow_null=True)
    media_type = serializers.CharField(allow_blank=True)
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    quality = serializers.IntegerField(allow_null=True)
    similarity = serializers.FloatField(allow_null=True, help_text="To the input; 1 is the same.")


class ProductStatusSerializer(Serializer):
    """A product: four lists whose entries belong together."""

    input_urls = serializers.ListField(child=serializers.CharField())
    output_urls = serializers.ListField(
        child=serializers.CharField(allow_null=True), help_text="Signed; null where there is none."
    )
    task_ids = serializers.ListField(
        child=serializers.CharField(allow_null=True),
        help_text="Ids of work items; null where another place of the same URL has it.",
    )
    images = ImageStatusSerializer(many=True)


class ProductPageSerializer(Serializer):
    """Which rows of the table `product_details` holds."""

    count = serializers.IntegerField(help_text="Rows of the table.")
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)


class StatusSerializer(Serializer):
    """A request and how far it is."""

    request_id = serializers.UUIDField()
    email = serializers.EmailField()
    status = serializers.ChoiceField(choices=_STATES)
    no_img_compressed = serializers.IntegerField(help_text="With those whose input was kept.")
    total_images = serializers.IntegerField()
    product_details = serializers.DictField(child=ProductStatusSerializer())
    progress = serializers.FloatField(min_value=0, max_value=1)
    failed_images = serializers.IntegerField()
    bytes_before = serializers.IntegerField()
    bytes_after = serializers.IntegerField()
    products = ProductPageSerializer()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class CompletedSerializer(Serializer):
    """A request that has ended."""

    request_id = serializers.UUIDField()
