"""What hosts have asked of us."""

from django.db import models


class HostPause(models.Model):
    """A host that wants to be left alone until then, whoever's images it has: Retry-After."""

    host = models.CharField(max_length=260)
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host"], name="compression_host_pause_once")]

    def __str__(self) -> str:
        return self.host
