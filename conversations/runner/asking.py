"""Asks the agent: from the transcript to the reply, with a checkpoint after every step between."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from pydantic_ai import Agent, AgentRun, ModelRequestNode, UsageLimits
from pydantic_ai.capabilities import ReinjectSystemPrompt
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
)
from pydantic_ai.usage import RunUsage

from conversations.composing import Composition
from conversations.history import window
from conversations.runner.calls import Calls, Ledger, closed
from conversations.runner.showing import Showing
from conversations.runner.steps import Steps
from conversations.stores.base import NewMessage
from conversations.threads import in_thread
from conversations.turns import Claim
from conversations.turns.commits import settled
from workers.agents import registry

LARGE = 100_000  # characters of a history that the event loop does not parse itself


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

    async def ask(self, transcript: Sequence[str]) -> list[NewMessage]:
        """Until the agent has replied; returns the messages that are left for the end to store."""
        options = registry.options(self._claim.agent)
        history = await self._history(transcript, options)
        if is_reply(history[-1]):
            return []  # only the end was lost; pydantic-ai would pay for another reply
        agent = registry.agent(self._claim.agent)
        async with agent.iter(
            None,
            message_history=history,
            deps=await self._deps() if options.deps else None,
            usage=self.usage,
            usage_limits=UsageLimits(request_limit=options.request_limit),
            # pydantic-ai adds a system prompt only to a history that is empty; ours never is
            capabilities=[ReinjectSystemPrompt(), Ledger(self._calls, options.tool_timeout)],
        ) as run:
            async for node in run:
                if Agent.is_model_request_node(node):
                    await self._request(node, run)
                elif Agent.is_call_tools_node(node) and node.model_response.tool_calls:
                    await self._keep(run.new_messages())  # before the calls are made
        return self._new(run.new_messages())

    async def closing(self) -> list[NewMessage]:
        """Answers to the calls that were cut off, so that the transcript can go on."""
        if not self._asked:
            return []
        done = await self._calls.done()
        parts = [closed(call, done.get(call.tool_call_id)) for call in self._asked]
        return [self._steps.message(ModelRequest(parts=parts), ())]

    async def _history(
        self, transcript: Sequence[str], options: registry.Options
    ) -> list[ModelMessage]:
        own = self._claim.next_step
        seen = window(
            transcript,
            most=options.window,
            keep=options.keep,
            own=own,
            earlier=self._steps.snapshot.earlier,
        )
        history = await parsed(seen)
        for message in history[-own:]:
            if isinstance(message, ModelResponse):
                self.usage += message.usage
                self.usage.requests += 1
                self._asked = message.tool_calls
            else:
                self._asked = ()
        return history

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
        showing = Showing(self._shown)
        async with node.stream(run.ctx) as stream:
            async for event in stream:
                showing.take(event)
            showing.finish(stream.response)
        self._items = showing.items

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


async def parsed(messages: Sequence[str]) -> list[ModelMessage]:
    """The transcript as pydantic-ai has it."""
    text = f"[{','.join(messages)}]"
    if len(text) < LARGE:
        return ModelMessagesTypeAdapter.validate_json(text)
    return await in_thread(ModelMessagesTypeAdapter.validate_json, text)


def is_reply(message: ModelMessage) -> bool:
    """Whether the agent has nothing left to do after this."""
    return isinstance(message, ModelResponse) and not message.tool_calls
