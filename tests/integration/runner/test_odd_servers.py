"""Tools on another server which answers anything, or changes while a turn waits: the turn goes on."""

import gzip
import json
from contextlib import suppress

import pytest
from mcp.server import MCPServer

from conversations import turns
from conversations.models import ToolCall
from conversations.threads import in_thread
from devtools.ports import free_port
from tests.integration.runner import agents
from tests.integration.runner.test_servers import ASKS, Door, port, serving

__all__ = ["port"]
NOTICE = "The tools of calendar are out of reach at the moment."
ASKS_LEAVE = ASKS.replace("weekday", "days_between")


def answer(body=b"", *, status=200, kind=b"application/json", **headers):
    told = [(b"content-type", kind), *((k.encode(), v) for k, v in headers.items())]
    start = {"type": "http.response.start", "status": status, "headers": told}
    return start, {"type": "http.response.body", "body": body}


def calendar(*names, said="done"):
    """A tool server whose tools have these names."""
    server = MCPServer("calendar")

    async def tell(day: str = "") -> str:
        return said

    for name in names:
        server.tool(name=name)(tell)
    return server.streamable_http_app(stateless_http=True, json_response=True)


class Odd(Door):
    """Gives requests that begin so its own answer, all others that of the server behind it."""

    def __init__(self, port, begin):
        super().__init__(port)
        self._begin, self.answer = begin, ()

    async def __call__(self, scope, receive, send):
        message = await receive()
        method = json.loads(message.get("body") or "{}").get("method", "")
        if scope["type"] == "lifespan" or not method.startswith(self._begin):
            await super().__call__(scope, repeated(message), send)
            return
        with suppress(OSError):
            for part in self.answer:
                await send(part)


async def weekday(day: str) -> str:
    return "of the agent"


def repeated(message):
    async def receive():
        return message

    return receive


ODD = {
    "no JSON": answer(b"\xff\xfe<html>"),
    "another form": answer(b"null"),
    "a page": answer(b"<html>", kind=b"text/html"),
    "a fault": answer(b"oops", status=500),
    "a redirect": answer(status=307, location=b"http://169.254.169.254/mcp"),
    "less than it says": answer(b'{"jsonrpc":', **{"content-length": b"1000"}),
    "half an event": answer(b"event: message\ndata: {", kind=b"text/event-stream"),
    "packed": answer(gzip.compress(b"{}"), **{"content-encoding": b"gzip"}),
}


def told(provider):
    return [m["content"] for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"]


def offered(provider):
    names = [tool["function"]["name"] for tool in provider.calls[-1]["body"]["tools"]]
    return [name for name in names if name.startswith("calendar")]


async def test_a_call_whose_answer_cannot_be_read_drops_the_server_and_not_the_turn(
    talk, provider, port
):
    odd = Odd(there := free_port(), "tools/call")
    async with serving(there), serving(port, odd):
        for odd.answer in ODD.values():
            turn = await talk.hear(ASKS)
            assert (turn.state, turn.notices) == ("completed", [NOTICE]), odd.answer
            assert "Whether the call took effect is unknown" in told(provider)[-1]


@pytest.mark.parametrize("begin", ["", "tools/list"])
async def test_a_server_that_cannot_be_read_from_the_beginning_is_missing(
    talk, provider, port, begin
):
    odd = Odd(there := free_port(), begin)
    async with serving(there), serving(port, odd):
        for odd.answer in ODD.values():
            turn = await talk.hear("[[stream deltas=1]]")
            assert (turn.state, turn.notices) == ("completed", [NOTICE]), odd.answer
            assert offered(provider) == []


async def test_of_a_result_that_is_too_long_the_model_is_told_the_length(talk, provider, port):
    async with serving(port, calendar("weekday", said="x" * 3_000_000)):
        turn = await talk.hear(ASKS)
    assert turn.state == "completed"
    assert "it has 3,000," in told(provider)[0]
    assert len(told(provider)[0]) < 300
    assert len(json.dumps((await in_thread(ToolCall.objects.get)).result)) < 300


async def test_the_tools_are_those_that_the_server_has_now(talk, provider, port):
    for name in ("weekday", "month"):
        async with serving(port, calendar(name)):
            await talk.hear("[[stream deltas=1]]")
        assert offered(provider) == [f"calendar_{name}"]


async def test_a_tool_whose_name_no_provider_takes_is_not_offered(talk, provider, port):
    async with serving(port, calendar("of the week", "x" * 56, "y" * 55)):
        turn = await talk.hear("[[stream deltas=1]]")
    assert (turn.state, turn.notices) == ("completed", [])
    assert offered(provider) == ["calendar_" + "y" * 55]


async def test_a_tool_that_is_called_like_one_of_the_agents_own_is_not_offered(
    talk, provider, port
):
    agents.agent.tool_plain(weekday, name="calendar_weekday")
    try:
        async with serving(port, calendar("weekday", "month", said="of the server")):
            turn = await talk.hear(ASKS)
    finally:
        del agents.agent.toolsets[0].tools["calendar_weekday"]
    assert (turn.state, told(provider)) == ("completed", ["of the agent"])
    assert sorted(offered(provider)) == ["calendar_month", "calendar_weekday"]


@pytest.mark.parametrize("is_up", [True, False])
async def test_what_was_approved_of_a_tool_that_has_gone_is_not_made(talk, provider, port, is_up):
    async with serving(port, calendar("days_between")):
        turn = await talk.hear(ASKS_LEAVE)
    call = await in_thread(ToolCall.objects.get)
    await in_thread(turns.resume, turn.pk, [turns.Answer(item=call.item)])
    async with serving(port if is_up else free_port(), calendar("month")):
        await talk.answer()
    assert (await talk.row(turn)).state == "completed"
    assert "Unknown tool name" in told(provider)[0]
    await in_thread(call.refresh_from_db)
    assert (call.state, call.result) == ("dropped", None)
