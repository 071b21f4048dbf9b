"""Asks the agent: from the transcript to the reply, with a checkpoint after every step between."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic_ai import Agent, AgentRun, CallToolsNode, ModelRequestNode, UsageLimits
from pydantic_ai.capabilities import AbstractCapability, ReinjectSystemPrompt
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
)
from pydantic_ai.tools import DeferredToolRequests
from pydantic_ai.usage import RunUsage

from conversations.composing import Composition
from conversations.errors import TranscriptGone
from conversations.history import cuts, window
from conversations.runner import deferred, lending, summing
from conversations.runner.calls import Calls, Ledger, closed
from conversations.runner.deferred import ClientTools
from conversations.runner.notes import Notes
from conversations.runner.parameters import Parameters
from conversations.runner.sharing import Sharing
from conversations.runner.showing import Showing
from conversations.runner.steps import Steps
from conversations.runner.transcripts import is_cut, is_reply, parsed
from conversations.stores.base import NewMessage
from conversations.threads import in_thread
from conversations.turns import Asked, Claim
from conversations.turns.commits import settled
from workers.agents import notices, registry, tools


class Asking:
    """One claim's dialogue with its agent. What is stored already is never asked for again."""

    def __init__(self, claim: Claim, steps: Steps, shown: Composition) -> None:
        self.usage = RunUsage()  # of the turn, over all its attempts
        self._claim = claim
        self._steps = steps
        self._shown = shown
        self._calls = Calls(claim.turn_id, claim.token, step=claim.next_step - 1)
        self._kept = 0  # of the run's new messages
        self._items: list[int] = []  # that show the response to be kept next
        self._asked: Sequence[ToolCallPart] = ()  # calls whose results are not kept yet
        self._has_read = False  # the transcript
        self._clients = ClientTools.of(claim.request)
        self._parameters = Parameters(claim.request)
        self.asked: Sequence[Asked] = ()  # what the run left to others
        self.notices: Sequence[str] = claim.notices  # for the person
        self.waits = False  # for them, with the rest of the turn to come
        self.is_cut = False  # the model had to stop before it was done

    async def ask(self, transcript: Sequence[str]) -> list[NewMessage]:
        """Until the agent has replied; returns the messages that are left for the end to store."""
        options = registry.options(self._claim.agent)
        history = await self.recall(transcript)
        if is_reply(history[-1]):
            self.is_cut = is_cut(history[-1])
            return []  # only the end was lost; pydantic-ai would pay for another reply
        agent = registry.agent(self._claim.agent)
        async with (
            lending.lent(),
            self._noting() as notes,
            agent.iter(
                None,
                message_history=history,
                instructions=self._claim.request.get("instructions"),  # after the agent's own
                model_settings=self._parameters.settings,
                deps=await self._deps() if options.deps else None,
                usage=self.usage,
                usage_limits=UsageLimits(request_limit=options.request_limit),
                output_type=deferred.output_type(agent),
                toolsets=tools.servers(options.mcp, agent),
                capabilities=self._capabilities(notes, options),
            ) as run,
        ):
            async for node in run:
                if Agent.is_model_request_node(node):
                    if self._parameters.are_spent(self.usage):
                        return self._unasked(node, run)
                    await self._request(node, run)
                elif Agent.is_call_tools_node(node):
                    if is_cut(node.model_response):
                        return self._cut(node.model_response, run)
                    if self._makes_calls(node, run):
                        await self._keep(run.new_messages())  # before the calls are made
        return self._last(run)

    @asynccontextmanager
    async def _noting(self) -> AsyncIterator[Notes]:
        async with Notes(self._claim, self._shown) as notes:
            self.notices = notes.notices
            with notices.heard(notes.notice):
                yield notes

    def _capabilities(
        self, notes: Notes, options: registry.Options
    ) -> list[AbstractCapability[Any]]:
        """pydantic-ai adds a system prompt only to a history that is empty; ours never is."""
        sharing = Sharing.of(self._claim)
        ledger = Ledger(self._calls, sharing, notes, options, self._clients)
        return [ReinjectSystemPrompt(), ledger]

    async def closing(self, *, blind: bool = False) -> list[NewMessage]:
        """Answers to the calls that were cut off, so that the transcript can go on.

        By this attempt, or by an earlier one where this has not come to read what that left.
        `blind`: by what the ledger alone knows of them, without a look at the transcript.
        """
        if blind:
            self._asked = await self._calls.begun()
        elif not self._has_read and self._claim.attempt > 1:
            with suppress(TranscriptGone, registry.UnknownAgent):
                await self.recall(await self._steps.load())
        if not self._asked:
            return []
        results = await self._calls.results()
        parts = [closed(call, results.get(call.tool_call_id)) for call in self._asked]
        return [self._steps.message(ModelRequest(parts=parts), ())]

    async def recall(self, transcript: Sequence[str]) -> list[ModelMessage]:
        """What the model is shown, and where in it this turn stands."""
        options, own = registry.options(self._claim.agent), self._claim.next_step
        seen = window(
            transcript,
            most=options.window,
            keep=options.keep,
            own=own,
            earlier=self._steps.snapshot.earlier,
        )
        history = await parsed(seen, known=self._steps.parsed)
        # pydantic-ai may write into what it is to answer, but not into what lies before that
        self._steps.parsed = dict(zip(seen[:-own], history[:-own], strict=True))
        self._has_read = True
        for message in history[-own:]:
            if isinstance(message, ModelResponse):
                self.usage += message.usage
                self.usage.requests += 1
                self._asked = message.tool_calls
            else:
                self._asked = ()
        cut = cuts(
            self._steps.snapshot.earlier + len(transcript), most=options.window, keep=options.keep
        )
        return [*await summing.told(self._claim, cut), *history]

    async def _deps(self) -> Any:
        """In a thread, for the project's factory may well ask its database.

        Patiently: what finds that away goes back to the queue, and at once would come again.
        """
        made = partial(
            registry.deps,
            self._claim.agent,
            conversation_id=self._claim.conversation_id,
            owner_id=self._claim.owner_id,
            metadata=self._claim.metadata,
        )
        return await in_thread(settled, lambda _: made())

    async def _request(self, node: ModelRequestNode[Any, Any], run: AgentRun[Any, Any]) -> None:
        """Keep what goes to the model, then show what it says."""
        if not node.is_resuming_without_prompt:  # else it is in the transcript already
            await self._keep([*run.new_messages(), node.request])
        showing = Showing(self._shown, most=registry.options(self._claim.agent).reply_limit)
        async with node.stream(run.ctx) as stream:
            async for event in stream:
                showing.take(event)
            showing.finish(stream.response)
        self._items = showing.items

    def _makes_calls(self, node: CallToolsNode[Any, Any], run: AgentRun[Any, Any]) -> bool:
        """Whether a call may have an effect now; if all are left to others, the end stores them."""
        named = [call.tool_name for call in node.model_response.tool_calls]
        return not all(deferred.is_left(name, run.ctx.deps.tool_manager) for name in named)

    def _last(self, run: AgentRun[Any, Any]) -> list[NewMessage]:
        """What the run said last, and what it leaves to others."""
        said = run.new_messages()
        if run.result is None or not isinstance(run.result.output, DeferredToolRequests):
            return self._new(said)
        # What else the response asked for is done, and in the ledger, until all can be told.
        self.waits = deferred.waits(run.result.output, self._clients)
        new = self._new(said[:-1] if self.waits and isinstance(said[-1], ModelRequest) else said)
        self.asked = deferred.asked(
            run.result.output, clients=self._clients, step=self._calls.step, shown=self._shown
        )
        return new

    def _unasked(
        self, node: ModelRequestNode[Any, Any], run: AgentRun[Any, Any]
    ) -> list[NewMessage]:
        """What the model would have been told, had the request left it anything to answer with."""
        self.is_cut = True
        asks = [] if node.is_resuming_without_prompt else [node.request]
        return self._new([*run.new_messages(), *asks])

    def _cut(self, cut: ModelResponse, run: AgentRun[Any, Any]) -> list[NewMessage]:
        """What the model said until it had to stop. Its words count; no call of it is made.

        The calls are shown as incomplete and the model is not told of them, for no provider takes
        half of one.
        """
        self.is_cut = True
        words = [part for part in cut.parts if not isinstance(part, ToolCallPart)]
        has_said = any(isinstance(part, TextPart) and part.content for part in words)
        said = [replace(cut, parts=words)] if has_said else []
        self._items = [item for item in self._items if len(self._shown.held(item)) == 1]
        new = self._new([*run.new_messages()[:-1], *said])
        return [*new, *self._steps.partial(attempt=self._claim.attempt)]

    async def _keep(self, messages: Sequence[ModelMessage]) -> None:
        if new := self._new(messages):
            await self._steps.keep(new)

    def _new(self, messages: Sequence[ModelMessage]) -> list[NewMessage]:
        """Those of the run's new messages that are not in the transcript, as its next steps."""
        new = messages[self._kept :]
        self._kept = len(messages)
        return [self._step(message) for message in new]

    def _step(self, message: ModelMessage) -> NewMessage:
        if isinstance(message, ModelResponse):
            self._calls.step = self._steps.next
            self._asked = message.tool_calls
        else:
            self._asked = ()
        return self._steps.message(message, self._items)
