"""The worker processes that live, what they are told, and what was measured of them."""

import uuid

from django.db import models
from django.db.models.functions import Now

from workers import fingerprints


def own_fingerprints() -> dict[str, str]:
    """Of the settings in which this process must agree with every other."""
    return fingerprints.own()


class WorkerProcess(models.Model):
    """One live process that runs turns; `workers.fleet.presence` alone writes its row.

    Deleting the row is what declares the process dead: a claim holds the row FOR KEY SHARE,
    so the two cannot overlap.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    lock = models.BigIntegerField(
        unique=True, null=True, help_text="Key of the advisory lock it holds; none behind a pooler"
    )
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


class DrainRequest(models.Model):
    """A worker that is to fetch nothing until somebody takes this back.

    By name: it holds when the process has to register anew, and no other process has that name.
    """

    worker = models.CharField(primary_key=True, max_length=200, help_text="WorkerProcess.name")
    asked_by = models.CharField(max_length=150)
    asked = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.worker


class PoolPause(models.Model):
    """A pool whose workers are to fetch nothing until somebody takes this back."""

    pool = models.CharField(primary_key=True, max_length=50)
    asked_by = models.CharField(max_length=150)
    asked = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.pool


class PoolSample(models.Model):
    """What a pool had to do at one moment; `workers.fleet.samples` writes and prunes."""

    pool = models.CharField(max_length=50)
    at = models.DateTimeField(help_text="Beginning of the stretch that it stands for")
    waiting = models.PositiveIntegerField(help_text="Jobs in its queues")
    oldest = models.FloatField(help_text="Seconds that the oldest of them waits")
    workers = models.PositiveIntegerField(help_text="That live and are not drained")
    slots = models.PositiveIntegerField(help_text="Of these workers")
    in_flight = models.PositiveIntegerField()

    class Meta:
        constraints = [
            # also serves the charts: the last hour, in order
            models.UniqueConstraint(
                fields=["at", "pool"], name="a_pool_is_sampled_once_in_each_stretch"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool} {self.at:%H:%M:%S}"


class ScalingDecision(models.Model):
    """A change of a pool's size that the autoscaler has made."""

    pool = models.CharField(max_length=50)
    at = models.DateTimeField(db_default=Now())
    size = models.PositiveIntegerField(help_text="Processes before")
    wanted = models.PositiveIntegerField(help_text="Processes since")
    load = models.FloatField(help_text="What the pool's signal said, for one worker")
    reason = models.CharField(max_length=200)
    decided_by = models.CharField(max_length=200, help_text="The autoscaler's process")

    class Meta:
        indexes = [
            # the autoscaler: when the pool was last changed
            models.Index(fields=["pool", "-at"], name="scaling_of_pool"),
        ]

    def __str__(self) -> str:
        return f"{self.pool}: {self.size} to {self.wanted}"
