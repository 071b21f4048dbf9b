"""Tools on other servers (MCP): connected anew for each turn, missing while their server is down.

A connection that is held for long never recovers when its server restarts, and one server that is
down must not fail every turn of the agent: the model is told that these tools are out of reach, and
so is the person. Servers keep no session, so each request may go to another of their replicas.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Self

import structlog
from pydantic_ai import Agent, ModelRetry, RunContext, ToolFailed
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset, ToolsetTool

from workers.agents import notices
from workers.agents.servers import CONNECT, TIMEOUT, Server

KEY = "agentsite/idempotency-key"  # in the _meta of a call, for whoever carries out its effect
NOTICE = "The tools of {name} are out of reach at the moment. If they are needed, say so."
BROKEN = "The server of this tool went away. Whether the call took effect is unknown."
SAID = (ModelRetry, ToolFailed, ApprovalRequired, CallDeferred)  # by the tool, for the model
HARMLESS = ("readOnlyHint", "idempotentHint")  # annotations: a call may be made again
USABLE = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # names of tools that providers take
# By these codes of JSON-RPC a client tells what went wrong on the way: closed, too late, not JSON,
# another status or kind of answer. pydantic-ai would have the model repeat such a call.
CUT_OFF = (-32000, -32001, -32600, -32601, -32603, -32700)

log = structlog.get_logger(__name__)
Toolset = AbstractToolset[Any]


def servers(entries: Mapping[str, Mapping[str, Any]], agent: Agent[Any, Any]) -> list[Toolset]:
    """The toolsets of an agent's `mcp`: their tools are called `<server>_<tool>`."""
    own = [each.tools for each in agent.toolsets if isinstance(each, FunctionToolset)]
    taken = frozenset(chain.from_iterable(own))
    return [toolset(name, Server(**entry), taken=taken) for name, entry in entries.items()]


def toolset(name: str, server: Server, *, taken: Collection[str] = ()) -> Toolset:
    """The tools of a server, without those whose names the agent's own have taken."""
    remote: Toolset = mcp(
        server.url,
        name=name,
        token=server.token,
        connect=server.connect,
        timeout=server.timeout,
    )
    if server.approve:
        remote = remote.approval_required(lambda _, tool, __: server.asks(tool.name))
    return remote.prefixed(name).filtered(lambda _, tool: is_usable(tool, taken))


def is_usable(tool: ToolDefinition, taken: Collection[str]) -> bool:
    """Providers refuse every request that offers a tool of another name, or two of one name."""
    if USABLE.fullmatch(tool.name) and tool.name not in taken:
        return True
    log.warning("tool_not_offered", tool=tool.name[:100])
    return False


def mcp(
    url: str, *, name: str, token: str = "", connect: float = CONNECT, timeout: float = TIMEOUT
) -> "Remote":
    """The tools of an MCP server over streamable HTTP, for `Agent(toolsets=[...])`.

    The first call takes seconds, which a worker spends before it has turns that would stand still.
    """
    from pydantic_ai.mcp import MCPToolset  # noqa: PLC0415 - 800 modules that few need

    from workers.agents import addresses, trust  # noqa: PLC0415 - likewise

    trust.certificates()

    def make(stack: AsyncExitStack) -> Toolset:
        headers = {"authorization": f"Bearer {token}"} if token else None
        client = addresses.client(connect=connect, timeout=timeout, headers=headers)
        stack.push_async_callback(client.aclose)
        return MCPToolset(
            url,
            http_client=client,
            process_tool_call=keyed,
            init_timeout=connect,
            read_timeout=timeout,
        )

    return Remote(name, make, connect=connect, timeout=timeout)


async def keyed(ctx: RunContext[Any], call: Any, name: str, tool_args: dict[str, Any]) -> Any:
    """The call with the key under which the ledger knows it: a server may refuse a repeat."""
    key = (ctx.tool_call_metadata or {}).get("idempotency_key")
    return await call(name, tool_args, metadata={KEY: key} if key else None)


@dataclass
class Remote(AbstractToolset[Any]):
    """A toolset that may be out of reach. `here` is this turn's own; None: it could not be had."""

    name: str
    make: Callable[[AsyncExitStack], Toolset]
    connect: float = CONNECT  # seconds
    timeout: float = TIMEOUT  # seconds
    here: Toolset | None = None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def id(self) -> str:
        return self.name

    async def for_run(self, ctx: RunContext[Any]) -> Toolset:
        stack = AsyncExitStack()
        return replace(self, stack=stack, here=self.make(stack))

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self.connect):
                if self.here:
                    await self.stack.enter_async_context(self.here)
        except Exception as error:  # noqa: BLE001 - transports raise all sorts
            self._lose(error)
        return self

    async def __aexit__(self, *args: Any) -> None:
        try:
            await self.stack.aclose()
        except Exception as error:  # noqa: BLE001
            log.info("tools_left_badly", server=self.name, error=type(error).__name__)

    async def get_instructions(self, ctx: RunContext[Any]) -> str | None:
        return None if self.here else NOTICE.format(name=self.name)

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        try:
            async with asyncio.timeout(self.connect):
                tools = await self.here.get_tools(ctx) if self.here else {}
        except Exception as error:  # noqa: BLE001
            self._lose(error)
            return {}
        return {name: declared(tool) for name, tool in tools.items()}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        if self.here is None:  # another call of this turn has lost it
            raise ToolFailed(NOTICE.format(name=self.name))
        broken: Exception
        try:
            async with asyncio.timeout(self.timeout):
                return await self.here.call_tool(name, tool_args, ctx, tool)
        except SAID as error:
            if not was_cut_off(error):
                raise
            broken = error
        except Exception as error:  # noqa: BLE001
            broken = error
        self._lose(broken)
        raise ToolFailed(BROKEN) from broken

    def _lose(self, error: Exception) -> None:
        log.warning("tools_out_of_reach", server=self.name, error=type(error).__name__)
        notices.give(f"The tools of {self.name} are out of reach at the moment.")
        self.here = None


def was_cut_off(error: Exception) -> bool:
    """Whether a call that failed was lost on its way, and not refused by its tool."""
    return getattr(error.__cause__, "code", None) in CUT_OFF


def declared(tool: ToolsetTool[Any]) -> ToolsetTool[Any]:
    """With what its server says of repeats, in the words of our own tools."""
    metadata = tool.tool_def.metadata or {}
    annotations = metadata.get("annotations") or {}
    if not any(annotations.get(hint) for hint in HARMLESS):
        return tool
    metadata = {"idempotent": True, **metadata}
    return replace(tool, tool_def=replace(tool.tool_def, metadata=metadata))
