"""The loop: look at each pool that is ours, decide, have it done, write down why."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

import structlog
from django.db import DatabaseError, close_old_connections
from redis import RedisError

from workers import identity, orders
from workers.autoscaler.deciding import Decision, Memory, Seen, decide
from workers.autoscaler.memory import recall
from workers.autoscaler.posts import Posts
from workers.autoscaler.signals import load
from workers.fleet.demand import Demand, demands
from workers.fleet.samples import Sampler
from workers.health import port, status
from workers.launchers import Launcher, NotScaled
from workers.models import ScalingDecision
from workers.observing import metrics
from workers.pools import Pool

FIGURES = re.compile(r"\d[\d.e+-]*")
PATIENCE = 60.0  # seconds that a look may take: it waits for several that may be away
AWAY = (DatabaseError, RedisError)  # no decision without knowledge; the next look sees

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Looks:
    """What an autoscaler tells probes of itself; times in seconds, of `status.now`."""

    last: float
    every: float

    def faults(self, now: float) -> list[str]:
        """That it hangs: what is only away has it decide nothing, and look again."""
        silent = now - self.last
        return [f"it has not looked for {silent:.0f} s"] if silent > self.every + PATIENCE else []

    def wants(self) -> list[str]:
        """It takes no work that it could refuse."""
        return []


class Autoscaler:
    """Keeps pools at the size that their demand asks for."""

    def __init__(self, pools: Sequence[Pool], launcher: Launcher, *, dry_run: bool = False) -> None:
        """A `dry_run` holds no post and changes nothing: it may run beside another autoscaler."""
        self._pools = pools
        self._launcher = launcher
        self._dry_run = dry_run
        self._posts = Posts()
        self._adopted: set[str] = set()
        self._memories: dict[str, Memory] = {}
        self._said: dict[str, str] = {}
        self._sampler = Sampler()
        self._told: SimpleQueue[None] = SimpleQueue()  # to stop
        self._looked = status.now()

    def run(self, *, seconds: float) -> None:
        """Look every so often until told to stop; probes may ask meanwhile."""
        door = port.Port(lambda: Looks(self._looked, seconds))
        try:
            pause = 0.0
            while self._rests(pause):
                door.take()
                self.look()
                self._looked = status.now()
                pause = seconds
        finally:
            door.close()

    def stop(self) -> None:
        """From another thread, or a signal's handler: this takes no lock that `run` may hold."""
        self._told.put(None)

    def _rests(self, seconds: float) -> bool:
        """False as soon as it is told to stop."""
        try:
            self._told.get(timeout=seconds)
        except Empty:
            return True
        return False

    def close(self, *, leave_running: bool) -> None:
        """End what was launched, or leave it to the next autoscaler; then give the posts up."""
        if not (leave_running or self._dry_run):
            self._launcher.close(sorted(self._posts.held))
        self._posts.leave()

    def look(self) -> list[Decision]:
        """One look at every pool that is ours; the decisions, those that change nothing too."""
        try:
            return self._decide([pool for pool in self._ours() if self._tend(pool)])
        except AWAY as error:
            log.warning("nothing_decided", reason=type(error).__name__)
            return []
        finally:
            close_old_connections()

    def _ours(self) -> list[Pool]:
        if self._dry_run:
            return list(self._pools)
        before = set(self._posts.held)
        held = self._posts.hold(pool.name for pool in self._pools)
        for name in before - held:  # who decides now says it, and the highest counts
            metrics.WORKERS_WANTED.labels(name).set(0)
        self._adopted &= held
        return [pool for pool in self._pools if pool.name in held]

    def _tend(self, pool: Pool) -> bool:
        """Whether the pool is in the launcher's hands; a fault of one holds up no other."""
        if self._dry_run:
            return True
        try:
            if pool.name not in self._adopted:
                self._memories.pop(pool.name, None)  # another may have decided meanwhile
                self._launcher.adopt(pool)
                self._adopted.add(pool.name)
            self._launcher.tend(pool)
        except Exception:
            log.exception("pool_not_tended", pool=pool.name)
        return pool.name in self._adopted

    def _decide(self, pools: Sequence[Pool]) -> list[Decision]:
        if not pools:
            return []
        paused, found = orders.paused(), demands()
        decisions = [
            self._attend(pool, found[pool.name]) for pool in pools if pool.name not in paused
        ]
        if not self._dry_run:
            self._sampler.offer()
        return [decision for decision in decisions if decision]

    def _attend(self, pool: Pool, demand: Demand) -> Decision | None:
        """One pool; None where its size cannot be read or changed at this moment."""
        try:
            return self._scale(pool, demand)
        except NotScaled as error:
            log.warning("pool_not_scaled", pool=pool.name, reason=str(error))
        except AWAY:
            raise
        except Exception:  # a launcher's: it holds up no other pool
            log.exception("pool_not_scaled", pool=pool.name)
        return None

    def _scale(self, pool: Pool, demand: Demand) -> Decision:
        size = self._launcher.size(pool)
        now = time.monotonic()
        before = self._memories.get(pool.name) or recall(pool, size, now=now)
        measured = load(pool, demand)
        seen = Seen(at=now, size=size, load=measured, busy=demand.busy)
        decision, after = decide(pool, seen, before)
        self._memories[pool.name] = replace(after, changed=before.changed)  # unless it is done
        self._tell(pool, decision)
        if not self._dry_run:
            metrics.WORKERS_WANTED.labels(pool.name).set(decision.wanted)
            if decision.changes:
                self._launcher.scale(pool, decision.wanted)
        self._memories[pool.name] = after
        if decision.changes and not self._dry_run:
            self._write_down(pool, decision, measured.each(size))
        return decision

    def _write_down(self, pool: Pool, decision: Decision, each: float) -> None:
        metrics.SCALINGS.labels(
            pool.name, "up" if decision.wanted > decision.size else "down"
        ).inc()
        ScalingDecision.objects.create(
            pool=pool.name,
            size=decision.size,
            wanted=decision.wanted,
            load=each,
            reason=decision.reason,
            decided_by=identity.own().name("autoscaler"),
        )

    def _tell(self, pool: Pool, decision: Decision) -> None:
        """A line for each decision that changes something, or that is another than the last."""
        kind = FIGURES.sub("", decision.reason)
        if decision.changes or self._said.get(pool.name) != kind:
            log.info(
                "scaling_decided",
                pool=pool.name,
                size=decision.size,
                wanted=decision.wanted,
                reason=decision.reason,
                dry_run=self._dry_run,
            )
        self._said[pool.name] = kind
