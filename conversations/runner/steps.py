"""What a claim adds to the transcript: messages under their keys, with the trace of what was seen."""

import json
from collections.abc import Iterable, Mapping, Sequence

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ToolCallPart,
)
from pydantic_core import PydanticSerializationError

from conversations import turns
from conversations.composing import Composition
from conversations.history import is_prompt
from conversations.models import Message, Turn
from conversations.runner import histories
from conversations.runner.histories import History
from conversations.runner.patience import borne
from conversations.runner.storable import storable_data
from conversations.runner.transcripts import is_cut
from conversations.showing.replays import outputs
from conversations.stores import store_for
from conversations.stores.base import Fence, Key, NewMessage, Snapshot
from conversations.stores.database import grown
from conversations.threads import unbroken
from conversations.turns import Claim, Ended
from workers.agents import registry

FURTHER = 4  # times as many messages are read where nobody speaks in the newest
NUL = "\\u0000"  # as JSON has it


class Steps:
    """The pen of one claim. `snapshot` is the transcript as this claim has read and written it."""

    def __init__(self, claim: Claim, shown: Composition) -> None:
        self._claim = claim
        self._shown = shown
        self._store = store_for(claim.agent)
        self._fence = Fence(claim.turn_id, claim.token)
        self.next = claim.next_step
        self.parsed: Mapping[str, ModelMessage] = {}  # of the transcript, as far as it is known
        self._has_read = False

    async def load(self) -> Sequence[str]:
        """As much of the transcript as the model may see, this claim's own writing included."""
        newest = self._newest
        self.snapshot = await self._read(newest)
        while self.snapshot.earlier and not any(map(is_prompt, reversed(self.snapshot.messages))):
            newest *= FURTHER
            self.snapshot = await self._read(newest)
        self._has_read = True
        return self.snapshot.messages

    async def _read(self, newest: int) -> Snapshot:
        claim = self._claim
        handle, base = claim.conversation_id, claim.base_version
        if known := histories.find(self._store, handle, base, newest=newest):
            self.parsed = known.parsed
            return grown(known.snapshot, claim.wrote, version=claim.version)
        return await borne(
            self._store.resume, handle, base, claim.wrote, claim.version, newest=newest
        )

    def leave(self, messages: Sequence[NewMessage], ended: Ended) -> None:
        """Keep for the conversation's next turn what this one knows, the end's `messages` included.

        Where anybody else has written meanwhile, or the end has withdrawn something, it knows less
        than the rows.
        """
        kept = histories.of(self._store)
        if kept is None or not self._has_read:
            return
        version = self.snapshot.version + bool(messages)
        if ended.version != version or ended.state == Turn.State.ROLLED_BACK:
            kept.forget(self._claim.conversation_id)
            return
        snapshot = grown(self.snapshot, messages, version=version)
        kept.keep(History(snapshot, self.parsed), newest=self._newest)

    @property
    def _newest(self) -> int:
        """How many messages the model may see at most; 0: all."""
        window = registry.options(self._claim.agent).window
        return max(window, self._claim.next_step) if window else 0

    async def keep(self, messages: Sequence[NewMessage]) -> None:
        """A checkpoint; what it stores may be seen from then on. Raises `errors.Fenced`."""
        if messages:
            self.snapshot = await unbroken(
                borne(turns.checkpoint, self._store, self.snapshot, messages, fence=self._fence)
            )
        self._shown.release()

    def message(self, said: ModelMessage, items: Iterable[int]) -> NewMessage:
        """The next step: what was said, with the trace of the items that showed it."""
        payload = dumped(said)
        if isinstance(said, ModelResponse):
            self._close(items, was_cut=is_cut(said))
            kind = Message.Kind.RESPONSE
        else:
            items = [self._shown.tool_output(*output) for output in outputs(json.loads(payload))]
            kind = Message.Kind.REQUEST
        self.next += 1
        return NewMessage(
            key=Key(self._claim.turn_id, self._claim.attempt, self.next - 1),
            kind=kind,
            payload=payload,
            trace=self._shown.trace(*items),
        )

    def _close(self, items: Iterable[int], *, was_cut: bool) -> None:
        """The last item of a response that was cut off is incomplete."""
        cut = self._shown.unfinished[-1:] if was_cut else ()
        for item in items:
            self._shown.close(item, status="incomplete" if item in cut else "completed")

    def partial(self, *, attempt: int) -> list[NewMessage]:
        """What was seen and never finished, closed as incomplete; the model is never shown it."""
        items = self._shown.unfinished
        if not items:
            return []
        said = ModelResponse(
            parts=[part for item in items if (part := part_of(self._shown.held(item)))],
            state="interrupted",
        )
        for item in items:
            self._shown.close(item, status="incomplete")
        return [
            NewMessage(
                key=Key(self._claim.turn_id, attempt, self.next),
                kind=Message.Kind.RESPONSE,
                payload=dumped(said),
                trace=self._shown.trace(*items),
                retracted=True,
            )
        ]


def dumped(said: ModelMessage) -> str:
    """A message as the transcript keeps it."""
    try:
        payload = ModelMessagesTypeAdapter.dump_json([said])[1:-1].decode()
    except PydanticSerializationError:  # half a surrogate pair
        payload = NUL
    if NUL not in payload:
        return payload
    [data] = ModelMessagesTypeAdapter.dump_python([said], mode="json")
    return json.dumps(storable_data(data))


def part_of(held: Sequence[str]) -> ModelResponsePart | None:
    """An item as a part of a response; None: nothing of it was seen."""
    if len(held) == 1:
        return TextPart(held[0]) if held[0] else None
    call_id, name, arguments = held
    return ToolCallPart(name, arguments, tool_call_id=call_id)
