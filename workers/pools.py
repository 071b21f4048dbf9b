"""The pools of settings.POOLS as values: which processes there are, and what they serve.

A *queue* is a class of work, as settings.QUEUES lists them. A *pool* is a set of like processes
that serve one or more queues. One pool for all and one pool each are two configurations of the
same thing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from django.conf import settings

SIGNALS = ("depth", "age", "slots")  # that workers.autoscaler knows by name
SLOTS = 100  # of a process whose queues the settings do not know


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """When a pool grows and shrinks; the thresholds are in the unit of its signal."""

    signal: str = "depth"  # per process; or `age`, `slots`, or a function's dotted path
    upper: float = 50  # above it processes are added
    lower: float = 5  # below it they are taken away
    up_cooldown: float = 30  # seconds after the last change until it may grow
    down_cooldown: float = 300  # seconds after the last change until it may shrink
    step: int = 2  # processes by which it changes at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A set of like processes."""

    name: str
    queues: tuple[str, ...]  # that each process serves, what goes first first
    slots: int  # turns in flight in one process
    reserved: Mapping[str, int] = field(default_factory=dict)  # of the slots, for one queue only
    minimum: int = 1  # processes
    maximum: int = 10
    forking: bool = False  # served by RQ's stock worker: a child for each turn
    scaling: Scaling = field(default_factory=Scaling)


def pools() -> dict[str, Pool]:
    """Every pool by its name. Raises TypeError where the settings hold what is none."""
    return {name: _pool(name, told) for name, told in settings.POOLS.items()}


def pool(name: str) -> Pool:
    """The pool of this name. Raises KeyError."""
    return _pool(name, settings.POOLS[name])


def of(queues: Sequence[str]) -> Pool:
    """The pool of a process that serves these queues, whoever started it.

    Where no pool is just that, it is one of its own, like the first that serves the first queue.
    """
    for found in pools().values():
        if found.queues == tuple(queues):
            return found
    like = next(iter(serving(queues[0])), None)
    return Pool(name=queues[0], queues=tuple(queues), slots=like.slots if like else SLOTS)


def serving(queue: str) -> list[Pool]:
    """The pools whose processes take this queue's work."""
    return [pool for pool in pools().values() if queue in pool.queues]


def _pool(name: str, told: Mapping[str, Any]) -> Pool:
    scaling = Scaling(**told.get("scaling", {}))
    queues = tuple(told.get("queues", [name]))
    pool = Pool(**{**told, "name": name, "queues": queues, "scaling": scaling})
    _check_numbers(pool)
    return pool


def _check_numbers(pool: Pool) -> None:
    """Raises TypeError, which names what is given as something else, a text perhaps."""
    if not isinstance(pool.reserved, Mapping):
        raise TypeError("reserved is no mapping of queues to slots")
    counts = {name: getattr(pool, name) for name in ("slots", "minimum", "maximum")}
    counts |= {f"reserved[{queue!r}]": slots for queue, slots in pool.reserved.items()}
    rates = {f"scaling[{one.name!r}]": getattr(pool.scaling, one.name) for one in fields(Scaling)}
    del rates["scaling['signal']"]
    wrong = [name for name, value in counts.items() if type(value) is not int]
    wrong += [name for name, value in rates.items() if type(value) not in (int, float)]
    if wrong:
        raise TypeError(f"no number: {', '.join(wrong)}")
