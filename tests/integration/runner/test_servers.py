"""Tools on another server: the sample in deploy/, while it is up, and while it is not."""

import asyncio
import importlib.util
import json
import socket
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path

import httpx2 as httpx
import pytest
import uvicorn

from conversations import turns
from conversations.models import ToolCall
from conversations.showing import snapshots
from conversations.threads import in_thread
from devtools.ports import free_port
from tests.integration.runner.test_waiting import YES, answered
from tests.waiting import GENEROUS

SAMPLE = Path("deploy/toolserver.py")
OUT = "The tools of calendar are out of reach at the moment."
ASKS = '[[tool name=calendar_weekday arguments={"day":"2027-01-31"}]]'


@pytest.fixture
def port(settings):
    """Where the agent's tool server is, if it is up."""
    port = free_port()
    settings.TOOL_NETWORKS = ["127.0.0.0/8"]
    calendar = {"url": f"http://127.0.0.1:{port}/mcp", "approve": ["days_between"]}
    calendar |= {"connect": GENEROUS, "timeout": GENEROUS}
    settings.AGENTS["demo"] |= {"mcp": {"calendar": calendar}}
    return port


@asynccontextmanager
async def serving(port, application=None):
    """Each is a server made anew: what one knows another does not."""
    server = uvicorn.Server(uvicorn.Config(application or sample(), log_config=None, ws="none"))
    with socket.create_server(("127.0.0.1", port)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield
        finally:
            server.should_exit = True
            async with asyncio.timeout(GENEROUS):
                await task


def sample():
    spec = importlib.util.spec_from_file_location("toolserver", SAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.application


class Door:
    """One address before several servers: each request goes to the next of them.

    Without any it goes to one that is made for it, and is gone afterwards.
    """

    def __init__(self, *ports, silent=None):
        self.served = []  # which server a request went to, and what it was
        self.keys = []  # of calls, by which a server can refuse a repeat
        self._ports = cycle(ports)
        self._silent = silent  # how requests begin that are never answered

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return
        body = (await receive())["body"]
        asked = json.loads(body or "{}")
        method = asked.get("method", "")
        if key := asked.get("params", {}).get("_meta", {}).get("agentsite/idempotency-key"):
            self.keys.append(key)
        if self._silent is not None and method.startswith(self._silent):
            await receive()  # until the client has left
            return
        headers = [header for header in scope["headers"] if header[0] != b"host"]
        async with self._server() as port, httpx.AsyncClient(verify=False) as client:
            self.served.append((port, method))
            address = f"http://127.0.0.1:{port}{scope['path']}"
            answer = await client.request(scope["method"], address, content=body, headers=headers)
        told = [header for header in answer.headers.raw if header[0] != b"content-length"]
        start = {"type": "http.response.start", "status": answer.status_code, "headers": told}
        await send(start)
        await send({"type": "http.response.body", "body": answer.content})

    @asynccontextmanager
    async def _server(self):
        if port := next(self._ports, None):
            yield port
            return
        async with serving(port := free_port()):
            yield port


async def test_each_call_may_meet_another_replica_of_a_server(talk, provider, port):
    replicas = [free_port(), free_port()]
    door = Door(*replicas)
    async with serving(replicas[0]), serving(replicas[1]), serving(port, door):
        turn = await talk.hear(ASKS.replace("]]", " times=3]]"))
    told = [m for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"]
    assert (turn.state, [m["content"] for m in told]) == ("completed", ["Sunday"] * 3)
    assert turn.notices == []
    assert {at for at, method in door.served if method == "tools/call"} == set(replicas)
    assert door.keys == [f"{turn.pk.hex}:{step}:call_0" for step in (1, 3, 5)]


async def test_a_server_remembers_nothing_from_one_request_to_the_next(talk, provider, port):
    async with serving(port, door := Door()):
        turn = await talk.hear(ASKS)
    told = [m for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"]
    assert (told[0]["content"], turn.notices) == ("Sunday", [])
    assert len({at for at, _ in door.served}) == len(door.served) > 1


async def test_clients_of_the_older_protocol_are_given_no_session_either(port):
    """They open one wherever they may; one server answers their greeting, another their call."""
    greeting = {"protocolVersion": "2025-06-18", "capabilities": {}}
    greeting["clientInfo"] = {"name": "tests", "version": "1"}
    call = {"name": "weekday", "arguments": {"day": "2027-01-31"}}
    headers = {"accept": "application/json, text/event-stream"}
    async with serving(port, Door()), httpx.AsyncClient(headers=headers) as client:
        for method, params in (("initialize", greeting), ("tools/call", call)):
            asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            answer = await client.post(f"http://127.0.0.1:{port}/mcp", json=asked, timeout=GENEROUS)
            assert "mcp-session-id" not in answer.headers
            client.headers["mcp-protocol-version"] = "2025-06-18"
    assert answer.json()["result"]["content"][0]["text"] == "Sunday"


@pytest.mark.parametrize("silent", ["", "tools/list"])  # at once, or once it is connected
async def test_a_server_that_does_not_answer_in_time_is_out_of_reach(
    talk, provider, port, settings, silent
):
    calendar = settings.AGENTS["demo"]["mcp"]["calendar"]
    calendar |= {"connect": 0.5, "timeout": 10 * GENEROUS}
    there = free_port()
    async with serving(there), serving(port, Door(there, silent=silent)):
        turn = await talk.hear("[[stream deltas=1]]")
    assert turn.state == "completed"
    assert turn.notices == [OUT]


async def test_its_tools_are_called_through_the_ledger(talk, provider, port):
    for _ in range(2):  # by another replica of the server in the second turn
        async with serving(port):
            turn = await talk.hear(ASKS)
        told = [m for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"]
        assert (turn.state, told[-1]["content"], turn.notices) == ("completed", "Sunday", [])
    calls = await in_thread(lambda: list(ToolCall.objects.values_list("tool", "state")))
    assert calls == [("calendar_weekday", "done")] * 2


async def test_while_it_is_down_the_turn_goes_on_with_a_notice(talk, provider, port):
    turn = await talk.hear("[[stream deltas=1]]")
    assert turn.state == "completed"
    assert turn.notices == [OUT]
    offered = [tool["function"]["name"] for tool in provider.calls[0]["body"]["tools"]]
    assert "pay" in offered
    assert not any(name.startswith("calendar") for name in offered)
    picture = await in_thread(snapshots.picture, talk.conversation.pk)
    [response] = snapshots.described(picture, {})["responses"]
    assert response["notices"] == turn.notices


async def test_a_tool_of_a_server_asks_for_leave_where_the_settings_say_so(talk, port):
    arguments = '{"first":"2027-01-01","last":"2027-01-31"}'
    async with serving(port):
        turn = await talk.hear(f"[[tool name=calendar_days_between arguments={arguments}]]")
    assert turn.state == "waiting"


async def test_what_was_told_before_a_person_was_asked_is_kept(talk, port):
    turn = await talk.hear("[[tools transfer]]")
    assert (turn.state, turn.notices) == ("waiting", [OUT])
    await answered(turn, YES)
    async with serving(port):
        await talk.answer()
    turn = await talk.row(turn)
    assert (turn.state, turn.notices) == ("completed", [OUT])


async def test_what_was_told_before_is_kept_where_nobody_answers(talk, port):
    turn = await talk.hear("[[tools transfer]]")
    await in_thread(turns.cancel, turn.pk)
    turn = await talk.row(turn)
    assert (turn.state, turn.notices) == ("cancelled", [OUT])
