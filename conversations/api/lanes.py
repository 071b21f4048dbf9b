"""A lane of the websocket `/v1/responses`: its responses come one after the other, in order.

Lanes run beside each other and share the connection; at most ACTIVE of them are served at a time.
What waits in a lane is not accepted yet: `response.created` says that it is. A response that waits
for a person holds up nothing here, nor does one that comes after it in its conversation; what comes
after the answer is shown when its lane is free, of one conversation in its order.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any
from uuid import UUID

from channels.exceptions import StopConsumer

from conversations.api.errors import described, known
from conversations.api.responses import ask
from conversations.errors import ConversationError
from conversations.models import Turn
from conversations.placing import Order
from conversations.showing import listening

Send = Callable[[dict[str, Any]], Awaitable[None]]
QUEUED = 1  # the number of `response.queued`: nobody has begun
REMEMBERED = 100  # responses of a lane that may be named by what steers them


class Lane:
    """What `run` works off: orders, and before them turns that were appended.

    Those that steer others, and those that have waited for a person's answer.
    """

    def __init__(self, name: str | None, send: Send, floor: asyncio.Semaphore) -> None:
        self.name = name
        self._send = send
        self._floor = floor
        self._orders: deque[Order] = deque()
        self._appended: deque[tuple[Turn, int]] = deque()  # with the last event that was sent
        # By turn, what waits for a person, itself or behind another: its conversation, its waiting.
        self._paused: dict[UUID, tuple[UUID, asyncio.Task[None]]] = {}
        self._due = asyncio.Event()
        self._last: dict[UUID, int] = {}  # by turn, the number of its last event that was sent

    @property
    def waiting(self) -> int:
        """Orders that are not accepted yet, and responses that wait for a person."""
        return len(self._orders) + len(self._paused)

    def add(self, order: Order) -> None:
        """Serve it after what came before."""
        self._orders.append(order)
        self._due.set()

    def append(self, turn: Turn) -> None:
        """Show it after the response that it steers, before any order."""
        self._note(turn.pk, 0)
        self._append(turn, -1)

    def _append(self, turn: Turn, after: int) -> None:
        self._appended.append((turn, after))
        self._due.set()

    def knows(self, turn_id: UUID) -> bool:
        """Whether a response is, or was, one of this lane's."""
        return turn_id in self._last

    def told(self, turn_id: UUID) -> int:
        """The number of the last event that was sent of a response."""
        return self._last[turn_id]

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            while True:
                await self._due.wait()
                if not (self._appended or self._orders):
                    self._due.clear()
                    continue
                async with self._floor:
                    await self._serve()

    async def _serve(self) -> None:
        try:
            if self._appended:
                await self._show(*self._appended.popleft())
            else:
                await self._show(await ask(self._orders.popleft()))
        except StopConsumer:
            raise
        except Exception as error:  # noqa: BLE001 - `known` logs it
            await self.tell(refusal(known(error)))

    async def _show(self, turn: Turn, after: int = -1) -> None:
        """What its client does not read is not made: the log has it."""
        try:
            async with aclosing(listening.events(turn, after=after, pauses=True)) as events:
                async for told in events:
                    for event in told:
                        after = event["sequence_number"]
                        self._note(turn.pk, after)
                        await self.tell(event)
                    if after <= QUEUED and await listening.is_held_up(turn):
                        self._pause(turn, after)
                        return
        except listening.Paused:
            self._pause(turn, after)

    def _pause(self, turn: Turn, after: int) -> None:
        here = turn.conversation_id
        before = [task for where, task in self._paused.values() if where == here]
        self._paused[turn.pk] = here, self._tasks.create_task(self._wait(turn, after, before))

    async def _wait(self, turn: Turn, after: int, before: list[asyncio.Task[None]]) -> None:
        """Show the rest once somebody has answered, after that of those before it."""
        if await listening.resumed(turn):
            await asyncio.gather(*before)
        del self._paused[turn.pk]
        self._append(turn, after)

    def _note(self, turn_id: UUID, number: int) -> None:
        self._last[turn_id] = number
        if len(self._last) > REMEMBERED:
            del self._last[next(iter(self._last))]

    async def tell(self, event: dict[str, Any]) -> None:
        await self._send(event if self.name is None else {**event, "stream_id": self.name})


def refusal(error: ConversationError) -> dict[str, Any]:
    """An error as the specification's websocket has it."""
    return {"type": "error", "status": error.status, **described(error)}
