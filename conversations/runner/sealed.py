"""Answers a message whose conversation its client carries: as any other, without a row.

There is no claim to lose and nothing to hand back. What is cut short fails at once, and the client
sends the same again; so a tool may run twice, with other ids.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from redis.exceptions import RedisError

from conversations import protocol
from conversations.composing import Composition
from conversations.emitter import Emitter
from conversations.errands import Errand, Over, alive, over
from conversations.errors import ConversationError, Fenced, StoreAway, VersionConflict
from conversations.history import window
from conversations.models import ToolCall, Turn
from conversations.runner.accounts import counted
from conversations.runner.asking import Asking
from conversations.runner.calls import Calls
from conversations.runner.steps import Steps
from conversations.stores import register
from conversations.stores.base import NewMessage, Snapshot
from conversations.stores.sealed import SealedStore
from conversations.streams import Writer
from conversations.threads import in_thread
from conversations.turns import CUT, Claim
from conversations.turns.inputs import entering
from workers.agents import registry
from workers.agents.failures import failure
from workers.interrupts import current

CUT_SHORT = {"code": "worker_lost", "message": "The worker was stopped; send the same again."}
NOBODY_TO_ASK = {
    "code": "tool_error",
    "message": "A tool asks for leave or for a result, and this conversation is not kept here.",
}

log = structlog.get_logger(__name__)


async def answer(errand: Errand) -> None:
    """Answer it, into the log that the replica reads; too late, nobody waits any more."""
    if errand.is_late:
        return
    facts, store = errand.facts, errand.store()
    writer = Writer(facts, uuid4(), 1)
    try:
        async with alive(errand), Emitter(writer) as emitter:
            ended, state = await _answered(errand, store, writer, emitter)
            entry = protocol.ending(facts, emitter.entries, ended)
            emitter.end(replace(entry, data={**entry.data, "state": state}))
            emitter.release()
    except Fenced:  # the log was lost, and there is no row to begin it again from
        log.info("sealed_log_lost", turn=str(facts.id))
    me, interrupt = asyncio.current_task(), current()
    if me and me.cancelling() and (interrupt is None or interrupt.reason is None):
        raise asyncio.CancelledError  # whoever cancelled us waits for it


async def _answered(
    errand: Errand, store: SealedStore, writer: Writer, shown: Emitter
) -> tuple[Over, dict[str, Any] | None]:
    """How it ended, and the new state where it succeeded."""
    asking: CarriedAsking | None = None
    error: dict[str, Any] | None = None
    try:
        claim = await in_thread(_claim, errand, store, writer.token)
        steps = CarriedSteps(claim, shown, store)
        asking = CarriedAsking(claim, steps, shown)
        messages = await asking.ask(await steps.load())
        if asking.waits or asking.asked:
            error = NOBODY_TO_ASK
        else:
            await in_thread(_close, store, steps, messages)
    except asyncio.CancelledError:
        error = CUT_SHORT
    except ConversationError as raised:
        error = raised.told()
    except Exception as raised:  # noqa: BLE001 - whatever an agent raises ends its turn
        log.warning("sealed_turn_failed", error=type(raised).__name__, agent=errand.agent)
        error = failure(raised).as_error()
    for item in shown.unfinished:
        shown.close(item, status="incomplete")
    state = None if error else _told(store, UUID(errand.conversation))
    try:
        await _register(errand, state)
    except VersionConflict as raised:
        state, error = None, error or raised.told()
    usage = counted(asking.usage) if asking else None
    ended = "failed" if error else "completed"
    why = error or (CUT if asking and asking.is_cut else None)
    told = asking.notices if asking else ()
    return over(ended, last_event=shown.next, error=why, usage=usage, notices=told), state


def _claim(errand: Errand, store: SealedStore, token: UUID) -> Claim:
    """As if a row had been claimed; the input has entered the transcript."""
    base = store.opened(UUID(errand.conversation)).version
    created = datetime.fromtimestamp(errand.created, UTC)
    items = [{"type": "message", "role": "user", "content": errand.text}]
    turn = Turn(id=UUID(errand.turn), input=items, created=created)
    wrote = (entering(turn),)
    conversation = UUID(errand.conversation)
    after = store.append(Snapshot(conversation, base), wrote)
    return Claim(
        turn_id=turn.pk,
        conversation_id=conversation,
        owner_id=errand.owner_id,
        agent=errand.agent,
        number=0,
        attempt=1,
        token=token,
        pool=errand.queue,
        base_version=base,
        version=after.version,
        wrote=wrote,
        next_step=1,
        metadata={},
        created=created,
        request={},
    )


def _close(store: SealedStore, steps: Steps, messages: Sequence[NewMessage]) -> None:
    """The last step enters the state, which keeps what a model may still be shown."""
    snapshot = steps.snapshot
    after = store.append(snapshot, messages) if messages else snapshot
    state = store.opened(after.handle)
    options = registry.options(state.agent)
    payloads = [payload for _, payload in state.messages]
    kept = window(
        payloads, most=options.window, keep=options.keep, own=steps.next, earlier=state.earlier
    )
    store.shorten(after.handle, len(kept))


async def _register(errand: Errand, state: dict[str, Any] | None) -> None:
    """Where nothing came of it, another message may follow on from the old state.

    Raises `VersionConflict`: one has followed already, for this worker was not heard of for long.
    """
    if not settings.SEALED_REGISTER:
        return
    base = errand.version
    to = state["version"] if state else base
    try:
        await in_thread(register.move, UUID(errand.conversation), base, errand.digest, to=to)
    except (StoreAway, RedisError) as error:
        log.warning("register_not_moved", error=type(error).__name__)


def _told(store: SealedStore, conversation: UUID) -> dict[str, Any]:
    """What the client is to keep, and for how long."""
    assert store.jar is not None
    state = store.opened(conversation)
    return {
        "state": store.jar[conversation],
        "version": state.version,
        "expires_at": state.expires,
    }


class CarriedSteps(Steps):
    """Steps into the client's state."""

    def __init__(self, claim: Claim, shown: Composition, store: SealedStore) -> None:
        super().__init__(claim, shown)
        self._store = store


class CarriedAsking(Asking):
    """A dialogue whose tool calls are entered nowhere."""

    def __init__(self, claim: Claim, steps: Steps, shown: Composition) -> None:
        super().__init__(claim, steps, shown)
        self._calls = Unrecorded(claim.turn_id, claim.token, step=claim.next_step - 1)


class Unrecorded(Calls):
    """Every call is a new one, and forgotten."""

    async def start(self, name: str, arguments: dict[str, Any], call_id: str) -> ToolCall:
        call = ToolCall(tool=name, tool_call_id=call_id, arguments=arguments)
        call.fresh = True
        return call

    async def finish(self, call_id: str, result: dict[str, Any]) -> None:
        pass

    async def results(self) -> dict[str, dict[str, Any]]:
        return {}

    async def answers(self) -> dict[str, ToolCall]:
        return {}
