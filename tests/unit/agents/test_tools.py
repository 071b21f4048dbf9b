"""An agent whose tools are on an MCP server that comes and goes, on a real port."""

import asyncio
import json
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace

import pytest
import uvicorn
from mcp.server import MCPServer
from pydantic_ai import Agent
from pydantic_ai.models.function import DeltaToolCall, FunctionModel
from pydantic_ai.toolsets import FunctionToolset

from devtools.ports import free_port
from tests.unit.agents.streaming import streamed
from tests.waiting import GENEROUS
from workers.agents import notices, tools


@pytest.fixture(autouse=True)
def at_home(settings):
    """The servers of these tests are on this machine."""
    settings.TOOL_NETWORKS = ["127.0.0.0/8"]


@asynccontextmanager
async def serving(port):
    shop = MCPServer("shop")

    @shop.tool()
    def price(article: str) -> int:
        """What an article costs."""
        if article == "nothing":
            raise ValueError("there is no such article")
        return 7

    app = shop.streamable_http_app(stateless_http=True)
    config = uvicorn.Config(app, log_config=None, ws="none")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", port)) as listening:  # who connects early waits
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield
        finally:
            server.should_exit = True
            await running


@pytest.fixture
def port():
    return free_port()


async def asking(messages, info):
    """A model that asks for a price once, where it can."""
    if len(messages) == 1 and info.function_tools:
        yield {0: DeltaToolCall("price", json.dumps({"article": messages[0].parts[0].content}))}
    else:
        yield f"{info.instructions} {messages[-1].parts[0].content}"


@pytest.fixture
def agent(port):
    url = f"http://127.0.0.1:{port}/mcp"
    shop = tools.mcp(url, name="the shop", connect=GENEROUS, timeout=GENEROUS)
    return Agent(FunctionModel(stream_function=asking), toolsets=[shop])


async def test_the_tools_of_a_server_are_the_agents(agent, port):
    async with serving(port):
        assert (await streamed(agent, "apples")).output.endswith(" 7")


async def test_a_server_that_is_down_is_a_missing_tool_and_a_notice(agent):
    said = (await streamed(agent, "apples")).output
    assert (
        said
        == "The tools of the shop are out of reach at the moment. If they are needed, say so. apples"
    )


async def test_a_server_that_restarted_is_found_again_by_the_next_turn(agent, port):
    for _ in range(2):
        async with serving(port):
            assert (await streamed(agent, "apples")).output.endswith(" 7")


async def test_what_a_tool_says_is_told_to_the_model(agent, port):
    async with serving(port):
        assert "Error executing tool price" in (await streamed(agent, "nothing")).output


async def test_a_connection_that_breaks_in_a_call_ends_the_call_and_not_the_turn():
    def broken(stack):
        there = FunctionToolset()

        @there.tool_plain
        def price(article: str) -> int:
            raise ConnectionResetError

        return there

    agent = Agent(FunctionModel(stream_function=asking), toolsets=[tools.Remote("shop", broken)])
    assert "Whether the call took effect is unknown" in (await streamed(agent, "apples")).output


async def test_the_person_hears_which_tools_are_out_of_reach(agent):
    told = []
    with notices.heard(told.append):
        await streamed(agent, "apples")
    assert set(told) == {"The tools of the shop are out of reach at the moment."}


async def test_a_server_on_a_private_address_is_a_missing_tool(agent, port, settings):
    settings.TOOL_NETWORKS = []
    async with serving(port):
        assert "out of reach" in (await streamed(agent, "apples")).output


async def test_a_call_that_takes_too_long_is_told_as_unknown(port):
    def slow(stack):
        there = FunctionToolset()

        @there.tool_plain
        async def price(article: str) -> int:
            await asyncio.Event().wait()

        return there

    remote = tools.Remote("shop", slow, timeout=0.05)
    agent = Agent(FunctionModel(stream_function=asking), toolsets=[remote])
    assert "Whether the call took effect is unknown" in (await streamed(agent, "apples")).output


async def test_a_call_carries_the_key_of_the_ledger():
    seen = {}

    async def call(name, tool_args, *, metadata=None):
        seen.update(metadata or {})

    ctx = SimpleNamespace(tool_call_metadata={"idempotency_key": "turn:1:call"})
    await tools.keyed(ctx, call, "price", {})
    assert seen == {"agentsite/idempotency-key": "turn:1:call"}


def test_a_server_names_the_tools_that_ask_for_leave():
    server = tools.Server(url="http://shop/mcp", approve=["buy"])
    assert [server.asks(name) for name in ("buy", "price")] == [True, False]
    assert tools.toolset("shop", server).wrapped.prefix == "shop"


async def test_a_server_has_the_times_that_the_settings_give_it():
    """pydantic-ai's own are five seconds and five minutes."""
    async with AsyncExitStack() as stack:
        made = tools.mcp("http://shop/mcp", name="shop", connect=7, timeout=400).make(stack)
        options = made._client_options
    assert (options["init_timeout"], options["read_timeout"]) == (7, 400)
