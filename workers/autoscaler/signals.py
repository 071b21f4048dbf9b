"""What a pool's load is, as its `Scaling.signal` says: a name here, or a function by dotted path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from django.utils.module_loading import import_string

from workers.fleet.demand import Demand
from workers.launchers import NotScaled
from workers.pools import SIGNALS, Pool

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Load:
    """What is compared with the thresholds."""

    total: float
    shared: bool = True  # twice the processes, and each has half of it

    def each(self, size: int) -> float:
        """What it is for one of so many processes."""
        return self.total / max(size, 1) if self.shared else self.total


Signal = Callable[[Pool, Demand], Load]


def depth(pool: Pool, demand: Demand) -> Load:
    """Jobs that wait, per process."""
    return Load(demand.waiting)


def age(pool: Pool, demand: Demand) -> Load:
    """Seconds that the oldest job waits."""
    return Load(demand.oldest, shared=False)


def slots(pool: Pool, demand: Demand) -> Load:
    """The part of the slots that is in use; above 1 when jobs wait."""
    return Load(demand.busy / pool.slots)


NAMED: Mapping[str, Signal] = dict(zip(SIGNALS, (depth, age, slots), strict=True))


def load(pool: Pool, demand: Demand) -> Load:
    """By the pool's own signal. A function of somebody else may also return a plain number.

    Raises NotScaled whatever it raises: somebody else's fault holds up no other pool.
    """
    name = pool.scaling.signal
    try:
        found = (NAMED.get(name) or import_string(name))(pool, demand)
        return found if isinstance(found, Load) else Load(float(found), shared=False)
    except Exception as error:
        log.exception("signal_failed", pool=pool.name, signal=name)
        raise NotScaled(f"its signal {name} failed") from error
