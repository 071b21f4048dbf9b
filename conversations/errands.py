"""What a replica sends a worker about a conversation that its client carries, and a sign of life.

The errand is sealed too, so Redis holds no word of it: it is on its way for a moment, in a job.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

import structlog
from django.conf import settings
from redis.exceptions import RedisError

from conversations.errors import InvalidState, StoreAway
from conversations.facts import TurnFacts
from conversations.stores import register, seals
from conversations.stores.sealed import NOBODY, SealedStore
from conversations.streams.groups import server
from conversations.threads import in_thread
from workers.routing import Work, queue_for

TASK = "conversations.tasks.answer_sealed"
PURPOSE = "sealed.errand"
BEAT = 2  # seconds between two signs of life
SILENCE = 10  # seconds without one until a worker counts as dead

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One message, with the state that it follows on from. Times are in seconds since 1970."""

    turn: str  # hex
    conversation: str  # hex
    owner_id: int
    agent: str
    text: str
    state: str
    version: int  # of the state
    created: int
    deadline: float  # whoever has not begun by then need not begin

    def packed(self) -> str:
        data = json.dumps(asdict(self)).encode()
        return seals.seal(data, purpose=PURPOSE, owner_id=NOBODY)

    @classmethod
    def unpacked(cls, packed: str) -> Self:
        """Raises `errors.InvalidState`."""
        try:
            return cls(**json.loads(seals.unseal(packed, purpose=PURPOSE, owner_id=NOBODY)))
        except TypeError:  # of another version of the site
            raise InvalidState from None

    @property
    def facts(self) -> TurnFacts:
        request = {"store": False, "conversation": False}
        return TurnFacts(
            UUID(self.turn), UUID(self.conversation), self.agent, self.created, request
        )

    @property
    def queue(self) -> str:
        """Its class of work; whoever asks says the same."""
        work = Work(agent=self.agent, owner_id=self.owner_id, length=len(self.text))
        return queue_for(work)

    @property
    def digest(self) -> str:
        """Names the request: the same message after the same state."""
        return sha256(f"{self.state}\n{self.text}".encode()).hexdigest()

    def hold(self) -> None:
        """Keep its place in the register. Raises `errors.StoreAway`."""
        conversation = UUID(self.conversation)
        register.hold(conversation, self.version, self.digest, seconds=SILENCE)

    @property
    def is_late(self) -> bool:
        return time.time() > self.deadline

    def store(self) -> SealedStore:
        """A store whose jar holds the state that came along."""
        jar = {UUID(self.conversation): self.state}
        return SealedStore(jar, owner_id=self.owner_id, agent=self.agent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """How an errand ended, in the words of a turn's row."""

    state: str
    last_event: int
    finished: datetime
    error: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    notices: Sequence[str] = ()


def over(state: str, **facts: Any) -> Over:
    """It ended just now."""
    return Over(state=state, finished=datetime.now(UTC), **facts)


def _sign(turn: UUID) -> str:
    return f"agentsite:{{{turn.hex}}}:alive"


@asynccontextmanager
async def alive(errand: Errand) -> AsyncGenerator[None]:
    """While the block runs, the worker gives signs of life, and keeps the errand's place."""
    beating = asyncio.create_task(_beat(errand), name="alive")
    try:
        yield
    finally:
        beating.cancel()


async def _beat(errand: Errand) -> None:
    turn = errand.facts
    while True:
        try:
            await server(turn.conversation_id).execute("SET", _sign(turn.id), 1, "EX", SILENCE)
            if settings.SEALED_REGISTER:
                await in_thread(errand.hold)
        except (RedisError, OSError, StoreAway) as error:
            log.warning("sign_of_life_not_given", error=type(error).__name__)
        await asyncio.sleep(BEAT)


async def lives(turn: TurnFacts) -> bool:
    """Whether a worker has given a sign of life of late. Raises redis.RedisError."""
    return bool(await server(turn.conversation_id).execute("EXISTS", _sign(turn.id)))
