"""Every tool call goes through the ledger: on disk before its effect, and once done never again."""

import asyncio
import json
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_ai import ModelRetry, RunContext, ToolFailed
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred
from pydantic_ai.messages import ToolCallPart, ToolReturn, ToolReturnPart
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolDenied
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset

from conversations import turns
from conversations.errors import Fenced
from conversations.models import ToolCall
from conversations.runner.deferred import ClientTools
from conversations.runner.notes import Notes
from conversations.runner.sharing import Sharing
from conversations.runner.storable import storable_data
from conversations.threads import in_thread, unbroken
from conversations.turns.commits import settled
from workers import strays
from workers.agents.failures import ToolFault
from workers.agents.progress import reporting
from workers.agents.registry import Options
from workers.observing import metrics

UNKNOWN = (
    "The call was interrupted. Whether it took effect is unknown: find out before you repeat it."
)
TOO_LONG = (
    "The call was made, but its result is not shown: it has {size:,} characters, and at most "
    "{limit:,} are read. Ask for less, if the tool can tell less."
)
RETURNS: TypeAdapter[ToolReturn[Any]] = TypeAdapter(ToolReturn)


@dataclass
class Calls:
    """The calls of one claim. `step` is that of the response whose calls are being made."""

    turn_id: UUID
    token: UUID
    step: int

    async def start(self, name: str, arguments: dict[str, Any], call_id: str) -> ToolCall:
        """Enter it. Where PostgreSQL does not say whether it was entered, it counts as begun."""
        start = partial(turns.start_tool, tool=name, arguments=storable_data(arguments))
        return await unbroken(
            in_thread(settled, lambda _: start(self.turn_id, self.token, self.step, call_id))
        )

    async def finish(self, call_id: str, result: dict[str, Any]) -> None:
        finish = partial(turns.finish_tool, self.turn_id, self.token, self.step, call_id, result)
        await unbroken(in_thread(settled, lambda _: finish()))

    async def results(self) -> dict[str, dict[str, Any]]:
        """The results of this step's calls, by their ids; the other calls' are unknown."""
        calls = await self._rows(result__isnull=False)
        return {call.tool_call_id: call.result or {} for call in calls}

    async def answers(self) -> dict[str, ToolCall]:
        """This step's calls that have asked for something and been answered, by their ids."""
        return {call.tool_call_id: call for call in await self._rows(answered__isnull=False)}

    async def begun(self) -> list[ToolCallPart]:
        """This step's calls as far as they came, without a look at the response that asks for them."""
        return [
            ToolCallPart(call.tool, call.arguments, tool_call_id=call.tool_call_id)
            for call in await self._rows()
        ]

    async def _rows(self, **wanted: Any) -> list[ToolCall]:
        rows = ToolCall.objects.filter(turn=self.turn_id, step=self.step, **wanted)
        return await in_thread(lambda: list(rows.order_by("pk")))

    def key(self, call_id: str) -> str:
        """What a tool may give to whoever carries out its effect, so that it happens once."""
        return f"{self.turn_id.hex}:{self.step}:{call_id}"


@dataclass
class Ledger(AbstractCapability[Any]):
    """Puts the agent's assembled tools behind the ledger, and a client's functions beside them."""

    calls: Calls
    sharing: Sharing
    notes: Notes
    options: Options
    clients: ClientTools | None

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        recorded = Recorded(toolset, self.calls, self.sharing, self.notes, self.options)
        return self.clients.beside(recorded) if self.clients else recorded

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Any], *, requests: DeferredToolRequests
    ) -> DeferredToolResults:
        """What was answered while the turn waited; all else is left for it to wait for."""
        answers = await self.calls.answers()
        answered = [
            (call.tool_call_id, answers[call.tool_call_id])
            for call in (*requests.approvals, *requests.calls)
            if call.tool_call_id in answers
        ]
        return DeferredToolResults(
            approvals={
                call_id: refusal(call) or True
                for call_id, call in answered
                if call.asks == ToolCall.Asks.APPROVAL
            },
            calls={
                call_id: given(call)
                for call_id, call in answered
                if call.asks == ToolCall.Asks.RESULT
            },
        )


@dataclass
class Recorded(WrapperToolset[Any]):
    """A toolset each call of which is entered before and after."""

    calls: Calls
    sharing: Sharing
    notes: Notes
    options: Options

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        call_id = ctx.tool_call_id
        assert call_id is not None, "a model's call has an id"
        entry = await self.calls.start(name, tool_args, call_id)
        if entry.result is not None:
            return told(entry.result)
        if not entry.fresh and not (tool.tool_def.metadata or {}).get("idempotent"):
            return await self._note(call_id, {"failed": UNKNOWN})
        metadata = {**(ctx.tool_call_metadata or {}), "idempotency_key": self.calls.key(call_id)}
        approved = ctx.tool_call_approved or entry.answered is not None
        context = replace(ctx, tool_call_metadata=metadata, tool_call_approved=approved)
        began = perf_counter()
        outcome = await self.sharing.outcome(
            tool.tool_def,
            tool_args,
            partial(self._outcome, name, tool_args, context, tool),
            patience=self.options.tool_timeout,
        )
        metrics.TOOL_CALLS.labels(name, next(iter(outcome))).inc()
        metrics.TOOL_TIME.labels(name).observe(perf_counter() - began)
        return await self._note(call_id, readable(outcome, limit=self.options.result_limit))

    async def _note(self, call_id: str, result: dict[str, Any]) -> Any:
        await self.calls.finish(call_id, result)
        return told(result)

    async def _outcome(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> dict[str, Any]:
        """The call's outcome in a form that can be stored and told again."""
        call_id = ctx.tool_call_id or ""
        limit = asyncio.timeout(self.options.tool_timeout)
        try:
            async with limit:
                with reporting(partial(self.notes.progress, self.calls.step, call_id)):
                    called = super().call_tool(name, tool_args, ctx, tool)
                    result = await strays.attended(called, tool=name)
        except (Fenced, CallDeferred, ApprovalRequired):
            raise
        except ModelRetry as error:
            return {"retry": error.message}
        except ToolFailed as error:
            return {"failed": error.message}
        except Exception as error:
            if not limit.expired():
                raise ToolFault(name) from error
            return {"failed": f"No answer within {self.options.tool_timeout:g} s. {UNKNOWN}"}
        return {"returned": storable_data(RETURNS.dump_python(as_return(result), mode="json"))}


def as_return(result: Any) -> ToolReturn[Any]:
    return result if isinstance(result, ToolReturn) else ToolReturn(return_value=result)


def readable(outcome: dict[str, Any], *, limit: int) -> dict[str, Any]:
    """It, or that it has more characters than the model is to read now and in every later turn."""
    size = len(json.dumps(outcome, ensure_ascii=False))
    return outcome if size <= limit else {"failed": TOO_LONG.format(size=size, limit=limit)}


def told(result: dict[str, Any]) -> Any:
    """What the model is told of an outcome; the first time and every time after."""
    if "retry" in result:
        raise ModelRetry(result["retry"])
    if "failed" in result:
        raise ToolFailed(result["failed"])
    if "denied" in result:
        return ToolDenied(result["denied"])
    return RETURNS.validate_python(result["returned"])


def refusal(call: ToolCall) -> ToolDenied | None:
    """What the model is told of a call that was refused."""
    refused = call.state == ToolCall.State.REFUSED
    return ToolDenied((call.result or {})["denied"]) if refused else None


def given(call: ToolCall) -> Any:
    """The result that a call asked for, as pydantic-ai takes it."""
    try:
        return told(call.result or {})
    except ToolFailed as failed:
        return failed


def closed(call: ToolCallPart, result: dict[str, Any] | None) -> ToolReturnPart:
    """The answer to a call that was cut off, or whose result was not yet told to the model."""
    answer = partial(ToolReturnPart, call.tool_name, tool_call_id=call.tool_call_id)
    if result is None:
        return answer(content=UNKNOWN, outcome="interrupted")
    if "returned" in result:
        return answer(content=RETURNS.validate_python(result["returned"]).return_value)
    if "denied" in result:
        return answer(content=result["denied"], outcome="denied")
    return answer(content=result.get("failed", result.get("retry")), outcome="failed")
