"""The usual design under the same checker: `python -m tests.chaos.contrast`.

The same faults in small, people with two tabs who send again what was not answered, the chain
for a model, the same checks.
"""

import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from redis.exceptions import RedisError

from tests.chaos import outside
from tests.chaos.arena import Arena
from tests.chaos.checker import Checker
from tests.chaos.people import Person, Sent
from tests.chaos.records import MessageRow, TurnRow
from tests.chaos.usual import TABLE, Busy, Killed, Replica

FROZEN = 4  # seconds, past the lock
HEARD_WITHIN = 4  # seconds until a person sends again
REPLICAS, PEOPLE, FAULTS = 2, 6, 60
TABS, AT_LEAST = 2, 2  # of a person; messages that each tab sends, however soon the faults are over
NETWORK = (RedisError, psycopg.Error, OSError)


@dataclass
class Design:
    """The replicas, who may be killed and frozen; the supervisor puts new ones in their places."""

    arena: Arena
    locks: bool
    fate: random.Random
    calls: list[str] = field(default_factory=list)
    replicas: list[Replica] = field(default_factory=list)
    requests: list[asyncio.Task[str]] = field(default_factory=list)

    def start(self) -> Replica:
        replica = Replica(self.arena, self.locks, self.calls, self.fate)
        replica.awake.set()
        return replica

    async def fault(self) -> None:
        place = self.fate.randrange(REPLICAS)
        match self.fate.choice(["kill", "kill", "freeze", "flush", "restart", "crash"]):
            case "kill":
                self.replicas[place].dead.set()
                self.replicas[place].awake.set()
                self.replicas[place] = self.start()
            case "freeze":
                self.replicas[place].awake.clear()
                asyncio.get_running_loop().call_later(FROZEN, self.replicas[place].awake.set)
            case "flush":
                self.arena.redis_client().flushall()
            case "restart":
                await self.arena.restart_redis()
            case "crash":
                await self.arena.crash_postgresql()

    async def say(self, person: Person, text: str) -> None:
        """Send until there is an answer."""
        person.sent.append(sent := Sent(str(uuid4()), text, "enqueue"))
        while sent.response is None:
            try:
                async with asyncio.timeout(HEARD_WITHIN):
                    replica = self.fate.choice(self.replicas)
                    await asyncio.shield(self.request(replica, person.conversation, text))
                sent.response = "answered"
            except (Busy, Killed, TimeoutError, *NETWORK):
                person.resends += 1
                await asyncio.sleep(self.fate.uniform(0, 0.3))

    def request(self, replica: Replica, session: str, text: str) -> asyncio.Task[str]:
        """A request outlives the one who sent it."""
        task = asyncio.create_task(survive(replica.respond(session, text)))
        self.requests.append(task)
        return task


async def survive(request: Any) -> Any:
    """A killed process tells as little as a lost connection."""
    try:
        return await request
    except Killed as killed:
        raise ConnectionResetError from killed


async def main(*, locks: bool, seed: int) -> Counter[str]:
    """One run in an arena of its own."""
    with tempfile.TemporaryDirectory(prefix="agentsite-chaos-") as folder:
        async with Arena(Path(folder)) as arena:
            return await run(arena, locks=locks, seed=seed)


async def run(arena: Arena, *, locks: bool, seed: int, faults: int = FAULTS) -> Counter[str]:
    """What became of all that people said."""
    fate = random.Random(seed)
    arena.run(TABLE)
    design = Design(arena, locks, fate)
    design.replicas = [design.start() for _ in range(REPLICAS)]
    people = [Person(f"p{n}", str(uuid4()), None, fate) for n in range(PEOPLE)]  # type: ignore[arg-type] - sees nothing stream
    await talk(design, people, faults)
    return verdict(arena, people, design.calls)


async def talk(design: Design, people: Sequence[Person], faults: int) -> None:
    """Until the faults are over, and nothing is under way any more."""
    enough = asyncio.Event()

    async def tab(person: Person) -> None:
        """One that waits for its answers."""
        said = 0
        while said < AT_LEAST or not enough.is_set():
            await design.say(person, f"{person.name}-{len(person.sent)}")
            said += 1

    talking = [asyncio.create_task(tab(person)) for person in people for _ in range(TABS)]
    for _ in range(faults):
        await design.fault()
        await asyncio.sleep(design.fate.uniform(0, 2))
    enough.set()
    await asyncio.gather(*talking)
    await asyncio.gather(*design.requests, return_exceptions=True)


def verdict(arena: Arena, people: Sequence[Person], calls: list[str]) -> Counter[str]:
    keys = {sent.text: sent for person in people for sent in person.sent}
    turns, messages = [], []
    for session, document in arena.rows("SELECT id, messages FROM documents"):
        for number in range(0, len(document), 2):
            sent = keys[document[number]["content"]]
            turns.append(turn := a_turn(UUID(session), number // 2, sent))
            messages += a_pair(turn, document[number : number + 2])
    for turn in turns:  # whichever is there is the one that was answered
        keys[turn.prompt].response = turn.response
    checker = Checker(turns, messages, calls, (), people, faults=FAULTS)
    found = {
        "messages answered": len(keys),
        "answered and lost": sum(not checker.by_key[sent.key] for sent in keys.values()),
        "stand twice or more": sum(len(checker.by_key[sent.key]) > 1 for sent in keys.values()),
        "out of order": len(list(checker.orders())),
        "replies to another history": sum(
            "is not" in what for what in outside.chains(turns, checker.of_turn)
        ),
        "paid calls": len(calls),
    }
    return Counter(found)


def a_turn(session: UUID, number: int, sent: Sent) -> TurnRow:
    content = [{"content": sent.text}]
    return TurnRow(uuid4(), session, number, "completed", sent.key, 1, 0, 0, content, "none")


def a_pair(turn: TurnRow, said: list[dict[str, str]]) -> list[MessageRow]:
    return [
        MessageRow(
            turn.conversation,
            turn.id,
            turn.number * 2 + step,
            1,
            step,
            kind,
            {"parts": [{"part_kind": "user-prompt", "content": one["content"]}]},
            False,
        )
        for step, (kind, one) in enumerate(zip(["request", "response"], said, strict=True))
    ]


if __name__ == "__main__":
    for locks in (True, False):
        counts = asyncio.run(main(locks=locks, seed=1))
        sys.stdout.write(f"{'with' if locks else 'without'} the lock\n")
        for name, count in counts.items():
            sys.stdout.write(f"  {count:5} {name}\n")
