"""What a new autoscaler knows of the ones before it: their decisions, and the samples since."""

from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from workers.autoscaler.deciding import Memory
from workers.autoscaler.signals import load
from workers.fleet.demand import Demand
from workers.models import PoolSample, ScalingDecision
from workers.pools import Pool


def recall(pool: Pool, size: int) -> Memory:
    """When the pool was changed last, and since when it has been calm at this size."""
    memory = Memory(calm_since=_calm_since(pool, size))
    last = ScalingDecision.objects.filter(pool=pool.name).order_by("-at").first()
    return replace(memory, changed=last.at.timestamp()) if last else memory


def _calm_since(pool: Pool, size: int) -> float | None:
    since = timezone.now() - timedelta(seconds=pool.scaling.down_cooldown)
    calm = None
    for sample in PoolSample.objects.filter(pool=pool.name, at__gte=since).order_by("-at"):
        if load(pool, _demand(sample)).each(size) >= pool.scaling.lower:
            break
        calm = sample.at.timestamp()
    return calm


def _demand(sample: PoolSample) -> Demand:
    return Demand(
        waiting=sample.waiting,
        oldest=sample.oldest,
        workers=sample.workers,
        slots=sample.slots,
        in_flight=sample.in_flight,
    )
