"""The usual design of stateful agents on several machines, as it is found in tutorials.

A hybrid store without versions (cache first, then the database; one document a conversation) and
a lock by SET NX with an expiry that is deleted on release. Times are scaled down: replies of a
third of a second to two, a lock of three.
"""

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.chaos.arena import Arena
from tests.provider.script import chain

LOCK = 3  # seconds; thirty in the design, whose replies are as much slower
CACHED = 300  # seconds
TABLE = """
DROP TABLE IF EXISTS documents;
CREATE TABLE documents (id text PRIMARY KEY, messages json NOT NULL)
"""
SAVE = """
INSERT INTO documents VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET messages = EXCLUDED.messages
"""
LOAD = "SELECT messages FROM documents WHERE id = %s"


class Busy(Exception):
    """Request in progress, please wait."""


class Killed(BaseException):
    """The process is gone: nothing is cleaned up."""


@dataclass
class Replica:
    """Answers requests; `locks`: whether by the lock, or by hope."""

    arena: Arena
    locks: bool
    calls: list[str]
    fate: random.Random
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    awake: asyncio.Event = field(default_factory=asyncio.Event)

    async def respond(self, session: str, text: str) -> str:
        """One request, as the design has it."""
        client = self.arena.redis_client()
        if not self.locks:
            return await self.answer(session, text)
        lock = f"lock:session:{session}"
        if not await self.step(client.set, lock, "1", nx=True, ex=LOCK):
            raise Busy
        try:
            return await self.answer(session, text)
        finally:
            if not self.dead.is_set():
                await self.step(client.delete, lock)

    async def answer(self, session: str, text: str) -> str:
        messages = await self.step(self.load, session)
        messages.append({"role": "user", "content": text})
        reply = await self.ask(messages)
        messages.append({"role": "assistant", "content": reply})
        await self.step(self.cache, session, messages)
        await self.step(self.save, session, messages)
        return reply

    async def ask(self, messages: list[dict[str, Any]]) -> str:
        self.calls.append(messages[-1]["content"])
        await self.step(asyncio.sleep, self.fate.uniform(0.3, 2))
        return "".join(f"{link} " for link in chain(messages))

    async def step(self, deed: Any, *arguments: Any, **options: Any) -> Any:
        """One thing that a process does, while it lives and is not frozen."""
        await self.awake.wait()
        if self.dead.is_set():
            raise Killed
        if asyncio.iscoroutinefunction(deed):
            return await deed(*arguments, **options)
        return await asyncio.to_thread(deed, *arguments, **options)

    def load(self, session: str) -> list[dict[str, Any]]:
        client = self.arena.redis_client()
        if cached := client.get(f"conv:{session}"):
            return json.loads(cached)
        found = self.arena.rows(LOAD, session)
        if found:
            client.set(f"conv:{session}", json.dumps(found[0][0]), ex=CACHED)
        return found[0][0] if found else []

    def cache(self, session: str, messages: list[dict[str, Any]]) -> None:
        self.arena.redis_client().set(f"conv:{session}", json.dumps(messages), ex=CACHED)

    def save(self, session: str, messages: list[dict[str, Any]]) -> None:
        with psycopg.connect(self.arena.postgresql.url, autocommit=True) as connection:
            connection.execute(SAVE, [session, json.dumps(messages)])
