"""How cards are made: what a source says for its batches, and a batch for itself."""

from django.db import models

from chatboost.core.models import OrganizationModel
from invitations.choices import LuckyMode, NoticeMode, StorageKind


class Plan(OrganizationModel):
    """Where cards go and what is on them. The numbers of a range belong to it."""

    layout = models.ForeignKey(
        "invitations.InvitationLayout",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the layout that comes with ChatBoost.",
    )
    storage = models.CharField(max_length=10, choices=StorageKind, default=StorageKind.LOCAL)
    account = models.ForeignKey(
        "teams.ConnectedAccount",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose Google Drive.",
    )
    lucky_mode = models.CharField(
        "lucky numbers", max_length=12, choices=LuckyMode, default=LuckyMode.SEQUENTIAL
    )
    lucky_first = models.PositiveIntegerField("first number", default=1)
    lucky_last = models.PositiveIntegerField("last number", default=9999)
    lucky_digits = models.PositiveSmallIntegerField(
        "digits", default=0, help_text="Shorter numbers get zeros in front. 0: as they are."
    )
    notices = models.CharField(
        "Telegram",
        max_length=10,
        choices=NoticeMode,
        default=NoticeMode.AUTO,
        help_text="What the organization’s chat is told.",
    )

    class Meta:
        abstract = True
