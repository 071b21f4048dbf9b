"""The worker processes that live."""

import uuid

from django.db import models

from workers import fingerprints


def own_fingerprints() -> dict[str, str]:
    """Of the settings in which this process must agree with every other."""
    return fingerprints.own()


class WorkerProcess(models.Model):
    """One live process that runs turns; `workers.presence` alone writes its row.

    Deleting the row is what declares the process dead: a claim holds the row FOR KEY SHARE,
    so the two cannot overlap.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    lock = models.BigIntegerField(unique=True, help_text="Key of the advisory lock it holds")
    name = models.CharField(max_length=200, help_text="As RQ shows it")
    pool = models.CharField(max_length=50)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    process_start = models.CharField(max_length=100, help_text="Boot id and start time of the pid")
    slots = models.PositiveIntegerField()
    in_flight = models.PositiveIntegerField(default=0)
    started = models.DateTimeField(help_text="PostgreSQL's clock, like the lease")
    lease = models.DateTimeField(help_text="Dead after this moment")
    fingerprints = models.JSONField(default=own_fingerprints, null=True)

    class Meta:
        """The fleet is small: a few hundred rows."""

        verbose_name_plural = "worker processes"

    def __str__(self) -> str:
        return self.name
