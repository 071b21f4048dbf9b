"""Calls that a run does not make itself: a person's leave, a result from outside, a client's function.

For the first two the turn waits. A client's functions end it: who passes `tools` expects a completed
response, and sends the results as the input of the next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_ai import Agent, RunContext
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tool_manager import ToolManager
from pydantic_ai.tools import DeferredToolRequests, ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ExternalToolset, ToolsetTool, WrapperToolset

from conversations.composing import Composition
from conversations.models import ToolCall
from conversations.runner.storable import storable_data
from conversations.turns import Asked
from workers.agents.failures import NameTaken

NO_PARAMETERS = {"type": "object", "properties": {}}
LEFT = ("external", "unapproved")  # kinds of tools that pydantic-ai never calls by itself


class ClientTools(ExternalToolset[Any]):
    """The functions that came with a request (`tools`, as Open Responses has them)."""

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "ClientTools | None":
        """None where the request brought none, or forbids their use."""
        functions = [tool for tool in request.get("tools", ()) if tool["type"] == "function"]
        if not functions or request.get("tool_choice") == "none":
            return None
        return cls([_definition(function) for function in functions], id="client")

    @property
    def names(self) -> set[str]:
        return {definition.name for definition in self.tool_defs}

    def beside(self, agents: AbstractToolset[Any]) -> AbstractToolset[Any]:
        """These and the agent's own, as one."""
        return Both(agents, self)


@dataclass
class Both(WrapperToolset[Any]):
    """An agent's tools and a client's functions, which are never called here."""

    clients: ClientTools

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """Raises `NameTaken` where a function is called like a tool."""
        agents, clients = await super().get_tools(ctx), await self.clients.get_tools(ctx)
        if taken := agents.keys() & clients.keys():
            raise NameTaken(sorted(taken))
        return agents | clients


def _definition(function: Mapping[str, Any]) -> ToolDefinition:
    return ToolDefinition(
        name=function["name"],
        parameters_json_schema=function.get("parameters") or NO_PARAMETERS,
        description=function.get("description"),
        strict=function.get("strict"),
    )


def output_type(agent: Agent[Any, Any]) -> Any:
    """What a run may end with: the agent's own output, or calls that are left to others.

    Where the agent has output validators pydantic-ai takes no other type than the agent's own,
    which then has to name DeferredToolRequests itself.
    """
    if agent._output_validators:  # noqa: SLF001 - there is no other way to ask
        return None
    own = agent.output_type
    outputs = list(own) if isinstance(own, Sequence) else [own]
    return outputs if DeferredToolRequests in outputs else [*outputs, DeferredToolRequests]


def is_left(tool: str, tools: ToolManager[Any]) -> bool:
    """Whether calls of this tool are always left to others."""
    definition = tools.get_tool_def(tool)
    return definition is not None and definition.kind in LEFT


def waits(requests: DeferredToolRequests, clients: ClientTools | None) -> bool:
    """Whether anything is to be waited for; a client's functions come when nothing else is."""
    names = clients.names if clients else set()
    return bool(requests.approvals) or any(call.tool_name not in names for call in requests.calls)


def asked(
    requests: DeferredToolRequests, *, clients: ClientTools | None, step: int, shown: Composition
) -> list[Asked]:
    """What the run left, as far as its turn goes on from there."""
    if waits(requests, clients):
        names = clients.names if clients else set()
        calls = [(call, ToolCall.Asks.APPROVAL) for call in requests.approvals]
        others = (call for call in requests.calls if call.tool_name not in names)
        calls += [(call, ToolCall.Asks.RESULT) for call in others]
    else:
        calls = [(call, ToolCall.Asks.CLIENT) for call in requests.calls]
    return [_asked(call, asks, step, shown) for call, asks in calls]


def _asked(call: ToolCallPart, asks: ToolCall.Asks, step: int, shown: Composition) -> Asked:
    return Asked(
        step=step,
        call_id=call.tool_call_id,
        tool=call.tool_name,
        arguments=storable_data(call.args_as_dict()),
        item=shown.item_of_call(call.tool_call_id),
        asks=asks,
    )
