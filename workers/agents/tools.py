"""Tools on other servers (MCP): connected anew for each turn, missing while their server is down.

A connection that is held for long never recovers when its server restarts, and one server that is
down must not fail every turn of the agent: the model is told that these tools are out of reach.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import structlog
from pydantic_ai import ModelRetry, RunContext, ToolFailed
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool

CONNECT = 5  # seconds that a server has to answer at the beginning of a turn
NOTICE = "The tools of {name} are out of reach at the moment. If they are needed, say so."
BROKEN = "The server of this tool went away. Whether the call took effect is unknown."
SAID = (ModelRetry, ToolFailed, ApprovalRequired, CallDeferred)  # by the tool, for the model

log = structlog.get_logger(__name__)


def mcp(url: str, *, name: str) -> "Remote":
    """The tools of an MCP server over streamable HTTP, for `Agent(toolsets=[...])`."""

    def connect() -> AbstractToolset[Any]:
        from pydantic_ai.mcp import MCPToolset  # noqa: PLC0415 - a second that few need

        return MCPToolset(url)

    return Remote(name, connect)


@dataclass
class Remote(AbstractToolset[Any]):
    """A toolset that may be out of reach. `here` is this turn's own; None: it could not be had."""

    name: str
    connect: Callable[[], AbstractToolset[Any]]
    here: AbstractToolset[Any] | None = None

    @property
    def id(self) -> str:
        return self.name

    async def for_run(self, ctx: RunContext[Any]) -> AbstractToolset[Any]:
        return replace(self, here=self.connect())

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(CONNECT):
                if self.here:
                    await self.here.__aenter__()
        except Exception as error:  # noqa: BLE001 - transports raise all sorts
            self._lose(error)
        return self

    async def __aexit__(self, *args: Any) -> None:
        try:
            if self.here:
                await self.here.__aexit__(*args)
        except Exception as error:  # noqa: BLE001
            self._lose(error)

    async def get_instructions(self, ctx: RunContext[Any]) -> str | None:
        return None if self.here else NOTICE.format(name=self.name)

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        try:
            return await self.here.get_tools(ctx) if self.here else {}
        except Exception as error:  # noqa: BLE001
            self._lose(error)
            return {}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        try:
            return await tool.toolset.call_tool(name, tool_args, ctx, tool)
        except SAID:
            raise
        except Exception as error:
            self._lose(error)
            raise ToolFailed(BROKEN) from error

    def _lose(self, error: Exception) -> None:
        log.warning("tools_out_of_reach", server=self.name, error=type(error).__name__)
        self.here = None
