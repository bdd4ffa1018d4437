"""What an organization has set, room by room."""

from django.db import models

from chatboost.core import clock


class OrganizationSettings(models.Model):
    """One room's settings of one organization; the room's dataclass gives names, types and defaults."""

    organization_id = models.BigIntegerField()
    room = models.CharField(max_length=40)
    values = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "organization settings"
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "room"], name="settings_one_per_room"),
        ]

    def __str__(self) -> str:
        return self.room
