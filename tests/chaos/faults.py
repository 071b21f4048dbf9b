"""The faults, chosen by a seed, and the phases of a turn that they have hit."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from tests.chaos.arena import Arena, Process
from tests.chaos.deaths import Deaths
from tests.chaos.phases import ACCEPT, BEGIN, CLAIM, COMMIT, END, PHASES, SCRIPT, WRITE
from tests.chaos.records import Span
from tests.chaos.relay import Harm, Relay, Trap
from tests.chaos.traps import SPRUNG_WITHIN

BURY = "DELETE FROM workers_workerprocess WHERE pid = %s"
LEASE = 8  # seconds, settings.WORKER_LEASE
REPLY_HARMS = [Harm.DROP_REPLY, Harm.TRUNCATE, Harm.HALF_CLOSE, Harm.DELAY, Harm.DROP_REQUEST]
HINTS = [f"rq:queue:{queue}" for queue in ("interactive", "default", "batch")]
AIM_EVERY = 5  # faults, while a phase is missing
ENOUGH = 40  # faults, for each of which every phase has to be hit once
MOST_MORE = 60  # faults beyond those asked for, until it is so
# What never reaches a worker: all others can cut a turn off that runs.
HARMLESS = {
    "deafen_a_replica",
    "double_hints",
    "freeze_a_replica",
    "kill_a_replica",
    "kill_a_replica_after_it_accepted",
    "kill_a_replica_as_it_accepts",
    "lose_hints",
}
FORGETTING = ("flush_redis", "restart_redis")


class Faults(Deaths):
    """Breaks one thing at a time; `hit` counts the phases of turns that were hit."""

    def __init__(
        self, arena: Arena, fate: random.Random, only: Sequence[str] = (), *, wanted: int = 1
    ) -> None:
        """`wanted`: how often every phase has to be hit."""
        super().__init__(arena, fate)
        self.wanted = wanted
        self.done: Counter[str] = Counter()
        self.thawing: set[asyncio.Task[None]] = set()
        self.frozen: list[Span] = []  # when a worker stood still
        self.kinds: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (4, self.kill_a_worker_while_it_streams),
            (3, self.kill_a_worker_before_it_commits_the_end),
            (3, self.kill_a_worker_after_it_committed_the_end),
            (2, self.kill_a_worker_as_it_claims),
            (2, self.kill_a_worker_at_a_tool),
            (3, self.kill_a_replica_as_it_accepts),
            (1, self.kill_a_replica_after_it_accepted),
            (2, self.kill_a_replica),
            (2, self.freeze_a_worker),
            (1, self.freeze_a_worker_as_it_writes),
            (2, self.bury_a_worker_as_it_ends),
            (1, self.freeze_a_replica),
            (2, self.restart_redis),
            (2, self.flush_redis),
            (2, self.deafen_a_replica),
            (2, self.crash_postgresql),
            (6, self.harm_postgresql),
            (5, self.harm_redis),
            (2, self.lose_hints),
            (2, self.double_hints),
            (2, self.terminate_one),
            (2, self.terminate_several),
        ]
        self.may_aim = not only
        if only:
            self.kinds = [(1, getattr(self, name)) for name in only]

    async def next(self) -> None:
        """One more fault."""
        weights, kinds = zip(*self.kinds, strict=True)
        kind = self.fate.choices(kinds, weights)[0]
        if self.done.total() % AIM_EVERY == 0 and self.missing:
            await self.aim()
            return
        await kind()
        self.done[kind.__name__] += 1

    async def aim(self) -> None:
        """One at a phase that was not hit enough."""
        name = PHASES[self.missing[0]]
        self.aims = True
        try:
            await getattr(self, name)()
        finally:
            self.aims = False
        self.done[name] += 1

    async def complete(self) -> None:
        """Go on until every phase was hit: chance alone leaves one out now and then."""
        for _ in range(MOST_MORE):
            if not self.missing:
                break
            await self.aim()

    @property
    def missing(self) -> list[str]:
        """The phases that were not hit enough, the rarest first."""
        missing = [phase for phase in PHASES if self.hit[phase] < self.wanted]
        return sorted(missing, key=lambda phase: self.hit[phase]) if self.may_aim else []

    @property
    def cutting(self) -> int:
        """How many of the faults can have cut a running turn off."""
        return sum(count for name, count in self.done.items() if name not in HARMLESS)

    @property
    def lost_logs(self) -> int:
        return sum(self.done[name] for name in FORGETTING)

    async def thaw(self) -> None:
        """Until nobody is frozen any more."""
        while any(one.frozen for one in self.arena.processes.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await asyncio.gather(*self.thawing)

    # --- Deaths and pauses at any time ----------------------------------------------------------

    async def kill_a_replica(self) -> None:
        await self.arena.kill(self.one("replica").name)

    async def terminate_one(self) -> None:
        await self.arena.kill(self.one("").name, signal.SIGTERM)

    async def terminate_several(self) -> None:
        """Two of them at least, all at once."""
        names = list(self.arena.processes)
        for name in self.fate.sample(names, self.fate.randrange(2, len(names) + 1)):
            await self.arena.kill(name, signal.SIGTERM)

    async def bury_a_worker_as_it_ends(self) -> None:
        """As if its lease were over, by a clock that jumped; and its last write comes late."""
        worker = self.one("worker")

        async def bury() -> None:
            if worker.running:
                await asyncio.to_thread(self.arena.run, BURY, worker.running.pid)
            await asyncio.sleep(self.fate.uniform(0.3, 1.2))

        trap = Trap(END, Harm.HOLD, deed=bury)
        await self.spring(worker.postgresql, trap, "buried as it ends")

    async def freeze_a_worker(self) -> None:
        """Past its lease: it wakes up to claims that are not its own."""
        await self._awake()
        self.freeze(self.one("worker"), LEASE + 2)

    async def freeze_a_worker_as_it_writes(self) -> None:
        """In the middle of a transaction, or as it begins one, and past its lease."""
        await self._awake()
        words = self.fate.choice([BEGIN, END, WRITE])
        worker = self.one("worker")

        async def deed() -> None:  # which goes on when the connection that waits for it ends
            if freezing := self.freeze(worker, LEASE + 2):
                await asyncio.shield(freezing)

        trap = Trap(words, Harm.HOLD, skip=self.fate.randrange(3), deed=deed)
        await self.spring(worker.postgresql, trap, "frozen as it writes")

    async def _awake(self) -> None:
        """Until two workers are: one to freeze, one to find it out."""
        while sum(not one.frozen for one in self.arena.named("worker")) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    async def freeze_a_replica(self) -> None:
        self.freeze(self.one("replica"), self.fate.uniform(1, 4))

    def freeze(self, process: Process, seconds: float) -> asyncio.Task[None] | None:
        if process.frozen or not process.running:
            return None
        self.thawing.add(task := asyncio.create_task(self._freeze(process, seconds)))
        task.add_done_callback(self.thawing.discard)
        return task

    async def _freeze(self, process: Process, seconds: float) -> None:
        process.frozen, since = True, datetime.now(UTC)
        await self.arena.kill(process.name, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        if process in self.arena.named("worker"):
            self.frozen.append((since, datetime.now(UTC)))
        await self.arena.kill(process.name, signal.SIGCONT)
        process.frozen = False

    # --- Servers, the network, hints ------------------------------------------------------------

    async def restart_redis(self) -> None:
        await self.arena.restart_redis()

    async def flush_redis(self) -> None:
        await asyncio.to_thread(self.arena.redis_client().flushall)

    async def crash_postgresql(self) -> None:
        await self.arena.crash_postgresql()

    async def deafen_a_replica(self) -> None:
        """From the next that is published on nothing arrives for a moment, and nobody is told."""
        relay = self.one("replica").redis
        relay.missed.clear()
        relay.deaf = True
        with suppress(TimeoutError):
            await asyncio.wait_for(relay.missed.wait(), SPRUNG_WITHIN)
        await asyncio.sleep(self.fate.uniform(0.05, 0.2))
        relay.deaf = False

    async def harm_postgresql(self) -> None:
        words = self.fate.choice([COMMIT, COMMIT, ACCEPT, CLAIM, END, b"SELECT", b"UPDATE"])
        await self.harm(self.one("").postgresql, words)

    async def harm_redis(self) -> None:
        handed = [] if os.environ.get("DISTRIBUTION", "pull") == "pull" else [b"\r\nEVAL\r\n"] * 2
        usual = [SCRIPT, SCRIPT, b"SUBSCRIBE", b"PUBLISH", b"RPUSH", b"BLMOVE"]
        words = self.fate.choice([*usual, *handed])
        await self.harm(self.one("").redis, words)

    async def harm(self, relay: Relay, words: bytes) -> None:
        harm = self.fate.choice(REPLY_HARMS)
        trap = Trap(words, harm, seconds=self.fate.uniform(0.2, 3), skip=self.fate.randrange(3))
        await self.spring(relay, trap, f"{harm} {words.decode()[:40].strip()}")

    def hints(self) -> list[str]:
        """The keys of all that waits for a worker, or lies before one."""
        own = self.arena.redis_client().scan_iter("agentsite:own:*")
        return [*HINTS, *(key.decode() for key in own)]

    async def lose_hints(self) -> None:
        """As if they had never been sent: no job is left either."""
        client = self.arena.redis_client()
        for key in self.hints():
            jobs = await asyncio.to_thread(client.lrange, key, 0, -1)
            await asyncio.to_thread(client.delete, key, *(b"rq:job:" + job for job in jobs))

    async def double_hints(self) -> None:
        """Every hint that waits, once more."""
        client = self.arena.redis_client()
        for key in self.hints():
            if jobs := await asyncio.to_thread(client.lrange, key, 0, -1):
                await asyncio.to_thread(client.rpush, key, *jobs)
