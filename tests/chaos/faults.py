"""The faults, chosen by a seed, and the phases of a turn that they have hit."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from tests.chaos.arena import Arena, Process
from tests.chaos.phases import ACCEPT, BEGIN, CLAIM, COMMIT, END, PHASES, SCRIPT, TOOL, WRITE
from tests.chaos.relay import Harm, Relay, Trap

BURY = "DELETE FROM workers_workerprocess WHERE pid = %s"
LEASE = 8  # seconds, settings.WORKER_LEASE
SPRUNG_WITHIN = 6  # seconds; who waits for a phase that does not come gives up
REPLY_HARMS = [Harm.DROP_REPLY, Harm.TRUNCATE, Harm.HALF_CLOSE, Harm.DELAY, Harm.DROP_REQUEST]
HINTS = [f"rq:queue:{queue}" for queue in ("interactive", "default", "batch")]
AIM_EVERY = 5  # faults, while a phase is missing


class Faults:
    """Breaks one thing at a time; `hit` counts the phases of turns that were hit."""

    def __init__(self, arena: Arena, fate: random.Random, only: Sequence[str] = ()) -> None:
        self.arena, self.fate = arena, fate
        self.hit: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.thawing: set[asyncio.Task[None]] = set()
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
            (3, self.terminate_one),
        ]
        self.aims = not only
        if only:
            self.kinds = [(1, getattr(self, name)) for name in only]

    async def next(self) -> None:
        """One more fault."""
        weights, kinds = zip(*self.kinds, strict=True)
        kind = self.fate.choices(kinds, weights)[0]
        if self.aims and self.done.total() % AIM_EVERY == 0 and self.missing:
            kind = getattr(self, PHASES[self.missing[0]])
        await kind()
        self.done[kind.__name__] += 1

    @property
    def missing(self) -> list[str]:
        """The phases that were not hit yet."""
        return [phase for phase in PHASES if not self.hit[phase]]

    async def thaw(self) -> None:
        """Until nobody is frozen any more."""
        while any(one.frozen for one in self.arena.processes.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await asyncio.gather(*self.thawing)

    # --- Deaths in a phase --------------------------------------------------------------------

    async def kill_a_worker_while_it_streams(self) -> None:
        worker = self.one("worker")
        trap = self.death(worker, SCRIPT, Harm.DROP_REPLY, skip=self.fate.randrange(1, 12))
        await self.spring(worker.redis, trap, "streaming")

    async def kill_a_worker_before_it_commits_the_end(self) -> None:
        worker = self.one("worker")
        trap = self.death(worker, END, Harm.DROP_REQUEST, then=COMMIT)
        await self.spring(worker.postgresql, trap, "between last delta and commit")

    async def kill_a_worker_after_it_committed_the_end(self) -> None:
        worker = self.one("worker")
        trap = self.death(worker, END, Harm.DROP_REPLY, then=COMMIT)
        await self.spring(worker.postgresql, trap, "after commit before the event")

    async def kill_a_worker_as_it_claims(self) -> None:
        worker = self.one("worker")
        harm = self.fate.choice([Harm.DROP_REPLY, Harm.DROP_REQUEST])
        trap = self.death(worker, CLAIM, harm, then=COMMIT)
        await self.spring(worker.postgresql, trap, "claimed")

    async def kill_a_worker_at_a_tool(self) -> None:
        """As it notes that a call begins or is done, before or after that is on disk."""
        worker = self.one("worker")
        harm = self.fate.choice([Harm.DROP_REPLY, Harm.DROP_REQUEST])
        trap = self.death(worker, TOOL, harm, skip=self.fate.randrange(4))
        await self.spring(worker.postgresql, trap, "at a tool")

    async def kill_a_replica_as_it_accepts(self) -> None:
        replica = self.one("replica")
        harm = self.fate.choice([Harm.DROP_REPLY, Harm.DROP_REQUEST])
        trap = self.death(replica, ACCEPT, harm)
        await self.spring(replica.postgresql, trap, "accepted")

    async def kill_a_replica_after_it_accepted(self) -> None:
        replica = self.one("replica")
        trap = Trap(ACCEPT, Harm.DELAY, seconds=0)
        await self.spring(replica.postgresql, trap, "accepted")
        await asyncio.sleep(self.fate.uniform(0.1, 0.4))
        await self.arena.kill(replica.name)

    def death(
        self, process: Process, words: bytes, harm: Harm, *, then: bytes = b"", skip: int = 0
    ) -> Trap:
        """A trap that kills the process; DROP_REPLY: after the server has done what was asked."""
        deed = partial(self.arena.kill, process.name)
        return Trap(words, harm, then=then, skip=skip, deed=deed)

    async def spring(self, relay: Relay, trap: Trap, phase: str) -> None:
        relay.traps.append(trap)
        try:
            async with asyncio.timeout(SPRUNG_WITHIN):
                await trap.sprung.wait()
        except TimeoutError:
            if trap in relay.traps:
                relay.traps.remove(trap)
        else:
            self.hit[phase] += 1

    # --- Deaths and pauses at any time ----------------------------------------------------------

    async def kill_a_replica(self) -> None:
        await self.arena.kill(self.one("replica").name)

    async def terminate_one(self) -> None:
        await self.arena.kill(self.one("").name, signal.SIGTERM)

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
        process.frozen = True
        await self.arena.kill(process.name, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        await self.arena.kill(process.name, signal.SIGCONT)
        process.frozen = False

    def one(self, prefix: str) -> Process:
        """Somebody who is up."""
        up = [one for one in self.arena.named(prefix) if not one.frozen]
        return self.fate.choice(up or self.arena.named(prefix))

    # --- Servers, the network, hints ------------------------------------------------------------

    async def restart_redis(self) -> None:
        await self.arena.restart_redis()

    async def flush_redis(self) -> None:
        await asyncio.to_thread(self.arena.redis_client().flushall)

    async def crash_postgresql(self) -> None:
        await self.arena.crash_postgresql()

    async def deafen_a_replica(self) -> None:
        """What is published for a moment does not arrive, and nobody is told."""
        relay = self.one("replica").redis
        relay.deaf = True
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
        await asyncio.to_thread(self.arena.redis_client().delete, *self.hints())

    async def double_hints(self) -> None:
        """Every hint that waits, once more."""
        client = self.arena.redis_client()
        for key in self.hints():
            if jobs := await asyncio.to_thread(client.lrange, key, 0, -1):
                await asyncio.to_thread(client.rpush, key, *jobs)
