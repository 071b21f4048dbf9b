"""What a pool's load is, as its `Scaling.signal` says: a name here, or a function by dotted path."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from math import isnan
from typing import Any

import structlog
from django.db import close_old_connections
from django.utils.module_loading import import_string

from workers.fleet.demand import Demand
from workers.launchers import NotScaled
from workers.pools import SIGNALS, Pool
from workers.threads import aside

PATIENCE = 5.0  # seconds that a function of somebody else has

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

    Raises NotScaled whatever that raises, and where it says nothing in time or no number: somebody
    else's fault holds up no other pool.
    """
    name = pool.scaling.signal
    try:
        found = known(pool, demand) if (known := NAMED.get(name)) else _ask(name, pool, demand)
        return _read(found)
    except Exception as error:
        log.exception("signal_failed", pool=pool.name, signal=name)
        raise NotScaled(f"its signal {name} failed") from error


def _read(found: Any) -> Load:
    told = found if isinstance(found, Load) else Load(float(found), shared=False)
    if isnan(told.total):
        raise ValueError("it says what is no number")
    return told


_asked: dict[str, Future[Any]] = {}  # by pool, the last


def _ask(path: str, pool: Pool, demand: Demand) -> Any:
    """What the function raises, or TimeoutError; one that hangs is not called again meanwhile."""
    if (before := _asked.get(pool.name)) and not before.done():
        raise TimeoutError("it still says nothing")
    asked = _asked[pool.name] = aside(partial(_call, import_string(path), pool, demand))
    return asked.result(PATIENCE)


def _call(function: Callable[[Pool, Demand], Any], pool: Pool, demand: Demand) -> Any:
    try:
        return function(pool, demand)
    finally:
        close_old_connections()
