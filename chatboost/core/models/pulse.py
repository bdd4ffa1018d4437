"""Signs of life and counters, across processes."""

from django.db import models

from chatboost.core import clock


class Heartbeat(models.Model):
    """When a part of the installation last did its round: `sweep`, `beat`, `worker`."""

    name = models.CharField(max_length=40)
    beat_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="heartbeat_name")]

    def __str__(self) -> str:
        return self.name


class Counter(models.Model):
    """A count of rare events over the installation's life: fenced workers, expired leases."""

    name = models.CharField(max_length=64)
    value = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="counter_name")]

    def __str__(self) -> str:
        return self.name
