"""Requests and their products: a table of image URLs, row by row."""

import uuid

from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from compression.choices import Mode, Output, RequestState


class CompressionRequest(OrganizationModel):
    """One table of image URLs that somebody has handed in.

        pending --(an image begins)--> processing --(the last image ends)--> completed  all are there
           |                              |  ^  \\--------------------------> partial    some are
           |                              |  |   \\-------------------------> failed     none is
           |                              |  |                                          (or it was given up)
           |                              |  \\--(failed ones again)--------- partial, failed
           \\--------(cancelled)----------\\--> cancelled

    Counts are places in the table: an address that stands there twice counts twice. They move in the
    transaction that ends an image. `round` counts how often the request was worked on: each round has one
    e-mail and one webhook. `spread_to` is the last product whose images are rows.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254, help_text="Gets the output table.")
    webhook_url = models.URLField(
        max_length=2000, blank=True, help_text="Is told when all images have ended."
    )
    file_name = models.CharField(max_length=200, blank=True)
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.QUALITY)
    quality = models.PositiveSmallIntegerField(default=50)
    percent = models.PositiveSmallIntegerField(default=50)
    output = models.CharField(max_length=8, choices=Output, default=Output.SAME)
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.PENDING)
    round = models.PositiveSmallIntegerField(default=1)
    row_count = models.PositiveIntegerField(default=0)
    total_count = models.PositiveIntegerField(default=0)
    done_count = models.PositiveIntegerField(default=0)
    kept_count = models.PositiveIntegerField(default=0)
    failed_count = models.PositiveIntegerField(default=0)
    bytes_before = models.PositiveBigIntegerField(default=0)
    bytes_after = models.PositiveBigIntegerField(default=0)
    spread_to = models.BigIntegerField(default=0, editable=False)
    is_spread = models.BooleanField(default=False, editable=False)
    mailed_round = models.PositiveSmallIntegerField(default=0, editable=False)
    report_file_uuid = models.UUIDField(null=True, blank=True, editable=False)
    actor_id = models.BigIntegerField(null=True, blank=True)
    actor_label = models.CharField(max_length=150, blank=True)
    files_expire_at = models.DateTimeField("images kept until")
    created_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "compression request"
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="compression_request_uuid"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=False) ^ Q(state__in=["pending", "processing"]),
                name="compression_request_finished_has_a_time",
            ),
            # The counts are exact, or the end never comes.
            models.CheckConstraint(
                condition=Q(total_count__gte=models.F("done_count") + models.F("failed_count")),
                name="compression_request_counts_fit",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="compression_request_list"),  # changelist
            # Retention: oldest finished first.
            models.Index(fields=["finished_at"], name="compression_request_finished"),
        ]

    def __str__(self) -> str:
        return self.file_name or str(self.uuid)

    @property
    def is_given_up(self) -> bool:
        """Whether it has ended because its images could not be written down."""
        return self.finished_at is not None and self.state != RequestState.CANCELLED and not self.is_spread

    @property
    def bytes_saved(self) -> int:
        """How many bytes the images are smaller by."""
        return self.bytes_before - self.bytes_after


class Product(OrganizationModel):
    """One row of the table. Its state is that of its images (`choices.product_state`)."""

    request = models.ForeignKey(CompressionRequest, on_delete=models.CASCADE, related_name="products")
    row_number = models.PositiveIntegerField(help_text="Where a spreadsheet shows it.")
    serial_number = models.CharField(max_length=100)
    name = models.CharField(max_length=300)
    input_urls = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "row_number"], name="compression_product_row"),
        ]
        indexes = [
            # Spreading, the status document and the output table go through a request by id.
            models.Index(fields=["request", "id"], name="compression_product_order"),
        ]

    def __str__(self) -> str:
        return self.name
