"""The life of a turn in a worker, from the claim to the end."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import structlog

from conversations import origins, protocol, turns, watch
from conversations.emitter import Emitter
from conversations.errors import Buried, Fenced, NotFound, StoreAway, Unstorable
from conversations.facts import TurnFacts
from conversations.models import Turn
from conversations.runner import summing
from conversations.runner.accounts import counted, frames, ids
from conversations.runner.asking import Asking
from conversations.runner.patience import AWAY, borne, until_back
from conversations.runner.steps import Steps
from conversations.showing import snapshots
from conversations.showing.announcements import announce_change
from conversations.stores.base import NewMessage
from conversations.streams import Writer
from conversations.threads import in_thread, unbroken
from conversations.traces import Entry
from conversations.turns import CUT, Claim, Ended, Outcome
from workers.agents import registry
from workers.agents.failures import failure
from workers.interrupts import Interrupt, Reason, current
from workers.observing import metrics

EXPIRED = {"code": "expired", "message": "The answer took longer than it may."}
# The interrupts that end a turn. Any other leaves it to somebody else, at its last checkpoint.
ENDINGS: dict[Reason | None, tuple[Turn.State, dict[str, Any] | None]] = {
    Reason.STOPPED: (Turn.State.CANCELLED, None),
    Reason.TIMED_OUT: (Turn.State.FAILED, EXPIRED),
}
log = structlog.get_logger(__name__)


async def answer(
    conversation_id: UUID, *, worker: UUID, pool: str, serves: Collection[str] = ()
) -> None:
    """Claim what is to be answered next in a conversation, and answer it. Nothing to do is fine."""
    token = uuid4()
    try:
        claim = await unbroken(
            in_thread(turns.claim, conversation_id, worker, pool=pool, serves=serves, token=token)
        )
    except Buried:
        return  # presence registers anew; the hint was passed on
    except StoreAway as error:
        log.warning("store_away", error=str(error))
        return  # nothing was claimed; the sweep gives the hint again, and at once would be too soon
    except AWAY:  # it may be claimed, and nobody else would know
        await unbroken(until_back(turns.give_up, conversation_id, token))
        raise
    if claim is None:
        return
    with origins.resumed("turn", claim.origin, **ids(claim)):
        if interrupt := current():
            await Life(claim, interrupt).live()
        else:
            interrupt = Interrupt()
            with interrupt.armed():
                await Life(claim, interrupt).live()
        await summing.keep_up(claim)


class Life:
    """One claim, until its turn is ended, handed back, or somebody else's."""

    def __init__(self, claim: Claim, interrupt: Interrupt) -> None:
        self._claim = claim
        self._interrupt = interrupt
        self._facts = TurnFacts(
            claim.turn_id,
            claim.conversation_id,
            claim.agent,
            int(claim.created.timestamp()),
            claim.request,
        )
        self._left_behind: list[NewMessage] = []  # what a dead attempt showed and did not finish
        self._log = log.bind(agent=claim.agent)

    async def live(self) -> None:
        """Answer the turn; where that cannot be brought to an end here, let go of it."""
        try:
            await self._answer()
        except Fenced:
            metrics.FENCED.labels("refused").inc()
            self._log.info("turn_lost")
        except asyncio.CancelledError:
            await self._let_go()
            if self._interrupt.reason is None:  # no interrupt: whoever cancelled us waits for it
                raise
        except AWAY as error:
            self._log.warning("database_away", error=type(error).__name__)
            await self._hand_back(wake=not isinstance(error, StoreAway))
        except (Exception, SystemExit):
            # A fault that nobody foresaw: while this worker lives, no sweep would find the turn.
            await self._hand_back(crashed=True)
            raise

    async def _answer(self) -> None:
        claim = self._claim
        shown = await self._shown_before()
        follows = shown[-1].following if claim.has_waited else None
        writer = Writer(self._facts, claim.token, claim.attempt, follows)
        async with Emitter(writer, shown=shown) as emitter:
            steps = Steps(claim, emitter)
            asking = Asking(claim, steps, emitter)
            self._left_behind = steps.partial(attempt=claim.attempt - 1)
            if claim.ending:
                outcome = await self._ending(claim.ending, asking)
            else:
                outcome = await self._outcome(asking, steps)
            if asking.waits and outcome.state == Turn.State.COMPLETED:
                instead = await self._wait(asking, outcome, emitter)
                if instead is None:
                    return
                outcome = instead
            ended = await self._end(replace(outcome, first_token=emitter.first_token), emitter)
            steps.leave(outcome.messages, ended)

    async def _ending(self, ending: Outcome, asking: Asking) -> Outcome:
        """The model is not asked again; calls that it made are answered, so that others can be."""
        kills = ending.state == Turn.State.FAILED  # so whatever is looked at may kill us too
        messages = [*self._left_behind, *await asking.closing(blind=kills)]
        return replace(ending, messages=messages, usage=counted(asking.usage))

    async def _wait(self, asking: Asking, outcome: Outcome, emitter: Emitter) -> Outcome | None:
        """Leave the turn to whoever is asked; an outcome: it is to end like that instead."""
        wait = partial(
            turns.wait,
            self._claim.turn_id,
            self._claim.token,
            asking.asked,
            seconds=registry.options(self._claim.agent).answer_within,
            messages=outcome.messages,
            usage=outcome.usage,
            first_token=emitter.first_token,
            notices=asking.notices,
        )
        try:
            waits = await unbroken(borne(wait))
        except Unstorable as refused:
            return replace(outcome, state=Turn.State.FAILED, messages=(), error=refused.told())
        if not waits:
            return await self._stopped(asking, outcome)
        metrics.TURNS_WAITED.labels(self._claim.pool).inc()
        emitter.release()
        await emitter.flush()  # who is asked has to see the call
        await announce_change(self._claim.conversation_id)
        return None

    async def _stopped(self, asking: Asking, outcome: Outcome) -> Outcome:
        """What is left where a cancel came before the turn could wait."""
        messages = [*outcome.messages, *await asking.closing()]
        return replace(outcome, state=Turn.State.CANCELLED, messages=messages)

    async def _shown_before(self) -> Sequence[Entry]:
        """What earlier attempts showed and stored."""
        return await borne(snapshots.stored, self._facts) if self._claim.attempt > 1 else ()

    async def _outcome(self, asking: Asking, steps: Steps) -> Outcome:
        """Load, ask, show and keep, until there is a reply, or until it is clear that there is none."""
        state, error = Turn.State.COMPLETED, None
        messages: list[NewMessage] | None = None
        try:
            with watch.over(self._claim.turn_id, self._claim.token, self._interrupt):
                transcript = await steps.load()
                await steps.keep(self._left_behind)
                self._left_behind = []
                messages = await asking.ask(transcript)
                error = CUT if asking.is_cut else None
        except asyncio.CancelledError:
            if self._interrupt.reason not in ENDINGS:
                raise
            state, error = ENDINGS[self._interrupt.reason]
        except (Fenced, *AWAY):
            raise
        except Unstorable as refused:
            state, error = Turn.State.FAILED, refused.told()
        except Exception as raised:  # noqa: BLE001 - whatever an agent raises ends its turn
            state, error = Turn.State.FAILED, self._failed(raised)
        if messages is None:
            partial = steps.partial(attempt=self._claim.attempt)
            messages = [*self._left_behind, *partial, *await asking.closing()]
        return Outcome(
            state=state,
            messages=messages,
            error=error,
            usage=counted(asking.usage),
            notices=asking.notices,
            asked=asking.asked if state == Turn.State.COMPLETED else (),
        )

    def _failed(self, error: Exception) -> dict[str, Any]:
        """What people are told of it. The log gets no message: it may hold what somebody said."""
        told = failure(error)
        self._log.warning(
            "turn_failed",
            code=told.code,
            error=type(error).__name__,
            cause=type(error.__cause__).__name__,
            where=[f"{frame.filename}:{frame.lineno}" for frame in frames(error)],
        )
        return told.as_error()

    async def _end(self, outcome: Outcome, emitter: Emitter) -> Ended:
        """One commit for the reply and the state, then the last events."""
        outcome = replace(outcome, last_event=emitter.next)
        ended = await unbroken(
            borne(turns.end, self._claim.turn_id, outcome, token=self._claim.token)
        )
        if ended is None:
            raise Fenced
        emitter.end(protocol.ending(self._facts, emitter.entries, ended))
        emitter.release()
        self._log.info("turn_ended", state=ended.state, frames=emitter.frames)
        return ended

    async def _let_go(self) -> None:
        """Interrupted where the turn could not be ended: at the very beginning, or after its end."""
        if self._interrupt.reason is Reason.ABANDONED:
            metrics.FENCED.labels("abandoned").inc()
            self._log.info("turn_abandoned")
        else:
            await self._hand_back()

    async def _hand_back(self, *, crashed: bool = False, wake: bool = True) -> None:
        """Give the turn back at its last checkpoint; as long as this worker lives, nobody else can."""
        turn, token = self._claim.turn_id, self._claim.token

        def deed() -> str | None:
            if self._interrupt.reason is Reason.STOPPED:
                turns.cancel(turn)  # for the next claim to do
            return turns.hand_back(turn, token, crashed=crashed, wake=wake)

        try:
            state = await until_back(deed)
        except NotFound:  # it was deleted
            state = None
        if state is not None:  # else it has ended, waits, or is another's
            metrics.TURNS_HANDED_BACK.labels(self._claim.pool).inc()
            self._log.info("turn_handed_back", state=state, crashed=crashed)
