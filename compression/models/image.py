"""Images: one place of the table each."""

from django.db import models
from django.db.models import Q

from chatboost.core.models import OrganizationModel
from compression.choices import ImageState
from compression.models.request import CompressionRequest, Product


class Image(OrganizationModel):
    """One URL at one place of a product.

        pending --(its turn)--> processing --> completed  (`is_kept`: the input was the smallest)
           ^  |                    |   |  \\--> failed     (`error_code` says why)
           |  |                    |   \\--(tried again a little later)--> pending
           |  \\---(cancelled)----\\--> cancelled
           \\--(failed ones again)-- failed

    An address that a request has several times is fetched once: its other places refer to the first by
    `same_as`, and end with it. Contents that are the same, whatever their addresses, share their files.
    """

    request = models.ForeignKey(CompressionRequest, on_delete=models.CASCADE, related_name="images")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images")
    position = models.PositiveIntegerField(help_text="In the product, from 0.")
    url = models.CharField(max_length=2048)
    url_hash = models.CharField(max_length=64, editable=False)
    same_as = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="same_places"
    )
    line = models.CharField(max_length=40, editable=False, help_text="At its host; see `services.lines`.")
    work_item_id = models.BigIntegerField(null=True, editable=False)
    state = models.CharField(max_length=10, choices=ImageState, default=ImageState.PENDING)
    is_kept = models.BooleanField(default=False, help_text="The input was the smallest there was.")
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(max_length=300, blank=True)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of what was fetched.")
    bytes_before = models.PositiveBigIntegerField(null=True)
    bytes_after = models.PositiveBigIntegerField(null=True)
    media_type = models.CharField(max_length=40, blank=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    quality = models.PositiveSmallIntegerField(null=True, help_text="Of the encoding.")
    scale = models.FloatField(null=True)
    similarity = models.FloatField(null=True, help_text="To the input; 1 is the same.")
    file_uuid = models.UUIDField(null=True, editable=False)
    original_uuid = models.UUIDField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "position"], name="compression_image_place"),
            # Fetched once.
            models.UniqueConstraint(
                fields=["request", "url_hash"],
                condition=Q(same_as__isnull=True),
                name="compression_image_url_once",
            ),
        ]
        indexes = [
            # Retrying, cancelling, counting: a request's images by state.
            models.Index(fields=["request", "state", "id"], name="compression_image_state"),
            # Its page and the output table show them in order.
            models.Index(fields=["request", "product", "position"], name="compression_image_order"),
            # Work: who is next in a line?
            models.Index(
                fields=["request", "line", "id"],
                condition=Q(state="pending", work_item_id__isnull=True),
                name="compression_image_line",
            ),
            # Work: has the request this content already?
            models.Index(
                fields=["request", "sha256"],
                condition=Q(state="completed", same_as__isnull=True),
                name="compression_image_content",
            ),
        ]

    def __str__(self) -> str:
        return self.url
