"""Deaths in a phase of a turn, each after a trap that says in which."""

import asyncio

from tests.chaos.phases import (
    ACCEPT,
    ACCEPTED,
    CALL,
    COMMIT,
    COMMITTED,
    END,
    FINAL,
    FRAME,
    RESULT,
    SHOWN,
    TAKE,
)
from tests.chaos.relay import Harm, Trap
from tests.chaos.traps import Traps


class Deaths(Traps):
    """Of workers while they stream, claim, use a tool, end; of replicas as they accept."""

    async def kill_a_worker_while_it_streams(self) -> None:
        worker = self.one("worker")
        trap = self.death(worker, FRAME, Harm.DROP_REPLY, skip=self.fate.randrange(1, 12))
        trap.unless = FINAL
        await self.spring(worker.redis, trap, "streaming", SHOWN)

    async def kill_a_worker_before_it_commits_the_end(self) -> None:
        worker = self.one("worker")
        trap = self.death(worker, END, Harm.DROP_REQUEST, then=COMMIT)
        await self.spring(worker.postgresql, trap, "between last delta and commit")

    async def kill_a_worker_after_it_committed_the_end(self) -> None:
        worker = self.one("worker")
        trap = self.death(worker, END, Harm.DROP_REPLY, then=COMMIT)
        await self.spring(worker.postgresql, trap, "after commit before the event", COMMITTED)

    async def kill_a_worker_as_it_claims(self) -> None:
        worker = self.one("worker")
        trap = self.death(worker, TAKE, self.before_or_after(), then=COMMIT)
        await self.spring(worker.postgresql, trap, "claimed", COMMITTED)

    async def kill_a_worker_at_a_tool(self) -> None:
        """As it notes that a call begins or is done, before or after that is on disk."""
        worker = self.one("worker")
        words = self.fate.choice([CALL, RESULT])
        trap = self.death(worker, words, self.before_or_after(), skip=self.fate.randrange(2))
        await self.spring(worker.postgresql, trap, "at a tool")

    async def kill_a_replica_as_it_accepts(self) -> None:
        replica = self.one("replica")
        trap = self.death(replica, ACCEPT, self.before_or_after())
        await self.spring(replica.postgresql, trap, "accepted", ACCEPTED)

    async def kill_a_replica_after_it_accepted(self) -> None:
        replica = self.one("replica")
        trap = Trap(ACCEPT, Harm.DELAY, seconds=0)
        await self.spring(replica.postgresql, trap, "soon after it was accepted", ACCEPTED)
        await asyncio.sleep(self.fate.uniform(0.1, 0.4))
        await self.arena.kill(replica.name)
