"""What a new autoscaler knows of the ones before it: their decisions, and the samples since.

How long ago they were is PostgreSQL's to say: the clocks of two machines may be minutes apart.
"""

from dataclasses import replace
from datetime import timedelta

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from workers.autoscaler.deciding import Memory
from workers.autoscaler.signals import load
from workers.fleet.demand import Demand
from workers.models import PoolSample, ScalingDecision
from workers.pools import SIGNALS, Pool

AGE = ExpressionWrapper(Now() - F("at"), output_field=DurationField())


def recall(pool: Pool, size: int, *, now: float) -> Memory:
    """When the pool was changed last, and since when it has been calm at this size.

    By the clock that says `now`, in seconds.
    """
    calm = _calm_for(pool, size)
    memory = Memory(calm_since=None if calm is None else now - calm)
    decisions = ScalingDecision.objects.filter(pool=pool.name).order_by("-at")
    age: timedelta | None = decisions.values_list(AGE, flat=True).first()
    return memory if age is None else replace(memory, changed=now - _seconds(age))


def _calm_for(pool: Pool, size: int) -> float | None:
    """Seconds; None where the last sample was busy, or there is none.

    Also None by a function of somebody else, which says what is now, whatever it is shown.
    """
    if pool.scaling.signal not in SIGNALS:
        return None
    since = Now() - timedelta(seconds=pool.scaling.down_cooldown)
    samples = PoolSample.objects.filter(pool=pool.name, at__gte=since).order_by("-at")
    calm = None
    for sample in samples.annotate(age=AGE):
        if load(pool, _demand(sample)).each(size) >= pool.scaling.lower:
            break
        calm = _seconds(sample.age)
    return calm


def _seconds(age: timedelta) -> float:
    return max(age.total_seconds(), 0)  # PostgreSQL may have another clock after a failover


def _demand(sample: PoolSample) -> Demand:
    return Demand(
        waiting=sample.waiting,
        oldest=sample.oldest,
        workers=sample.workers,
        slots=sample.slots,
        in_flight=sample.in_flight,
    )
