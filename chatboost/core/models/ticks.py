"""What the clock has fired: one row for each slot of each tick."""

from django.db import models

from chatboost.core import clock


class TickRun(models.Model):
    """One firing of a tick. Unique on (name, slot): two beats, or a pump and a beat, fire it once."""

    name = models.CharField(max_length=64)
    slot = models.DateTimeField(help_text="The point in time that was due, not when it was noticed.")
    fired_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "slot"], name="tickrun_one_per_slot")]
        indexes = [
            # Retention: oldest first.
            models.Index(fields=["fired_at"], name="tickrun_fired"),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.slot:%Y-%m-%d %H:%M:%S}"
