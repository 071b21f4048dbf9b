"""What people who look on are told beside the log: that a turn waits, how far its tools have come.

Nothing waits for this. The newest note of each name is sent, a few times a second at most.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Self

from django.db import Error
from redis.exceptions import RedisError

from conversations import protocol, streams, turns
from conversations.composing import Composition
from conversations.runner.storable import storable
from conversations.threads import in_thread
from conversations.turns import Claim
from workers.ratelimit import Caller, Waiting, asking

PAUSE = 0.5  # seconds between two notes
UNAVAILABLE = (RedisError, OSError, Error)
Deed = Callable[[], Coroutine[Any, Any, None]]


class Notes:
    """Those of one claim. A context, in which models are asked for the turn's owner."""

    def __init__(self, claim: Claim, shown: Composition) -> None:
        self._claim = claim
        self._shown = shown
        self.notices = list(claim.notices)
        self._due: dict[str, Deed] = {}
        self._task: asyncio.Task[None] | None = None
        self._asking = asking(Caller(str(claim.owner_id), claim.pool, self.waiting))

    async def __aenter__(self) -> Self:
        self._asking.__enter__()
        if self._claim.attempt > 1:
            self._send(
                "", partial(streams.forget_notes, self._claim.conversation_id, self._claim.turn_id)
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._asking.__exit__(None, None, None)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def waiting(self, waiting: Waiting | None) -> None:
        """The model's provider has no place for it yet; None: it has."""
        reason = waiting.reason.value if waiting else None
        seconds = round(waiting.seconds) if waiting else 0
        self._note("waiting", is_over=waiting is None, reason=reason, seconds=seconds)

    def notice(self, text: str) -> None:
        """Something is to be known beside the answer; the end of the turn stores it."""
        if text not in self.notices:
            self.notices.append(text)
            self._note("notice", notices=list(self.notices))

    def progress(self, step: int, call_id: str, fraction: float | None, message: str) -> None:
        """A tool has come so far. Stored in the ledger too."""
        message = storable(message)  # names of files, for one, may be what no encoding has
        item = self._shown.item_of_call(call_id)
        call = protocol.call_id(self._claim.turn_id, item)
        name = f"progress {item}"
        self._note(name, frame="progress", call_id=call, fraction=fraction, message=message)
        self._send(f"stored {item}", partial(self._store, step, call_id, fraction, message))

    def _note(self, name: str, *, frame: str = "", is_over: bool = False, **fields: Any) -> None:
        claim = self._claim
        told = {
            "type": f"agentsite:{frame or name}",
            "response_id": protocol.response_id(claim.turn_id),
            **fields,
        }
        note = partial(streams.note, claim.conversation_id, claim.turn_id, name, told)
        self._send(name, partial(note, is_over=is_over))

    async def _store(self, step: int, call_id: str, fraction: float | None, message: str) -> None:
        progress = {"fraction": fraction, "message": message}
        claim = self._claim
        await in_thread(turns.note_progress, claim.turn_id, claim.token, step, call_id, progress)

    def _send(self, name: str, deed: Deed) -> None:
        self._due[name] = deed
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_on(), name="notes")

    async def _send_on(self) -> None:
        while self._due:
            due, self._due = self._due, {}
            for deed in due.values():
                with suppress(*UNAVAILABLE):  # only words for people
                    await deed()
            await asyncio.sleep(PAUSE)
