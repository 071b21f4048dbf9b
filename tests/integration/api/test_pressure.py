"""A client that does not read costs a few messages of memory, and loses nothing."""

import asyncio
import json

import pytest
import pytest_asyncio

from agentsite.asgi import application
from conversations.api import handler
from tests.integration.api.events import read
from tests.waiting import GENEROUS

pytestmark = pytest.mark.usefixtures("crew")
DELTAS = 300


class Reader:
    """A client on the ASGI application itself; `gate` closed: it does not read."""

    def __init__(self, key, body):
        self.gate = asyncio.Event()
        self.gate.set()
        self.sent = []
        self.changed = asyncio.Condition()
        self.leaving = asyncio.Event()
        headers = [(b"authorization", f"Bearer {key}".encode())]
        path = "/v1/responses"
        scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode()}
        scope |= {"query_string": b"", "headers": headers, "scheme": "http", "root_path": ""}
        request = {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}
        self.requests = [request]
        self.task = asyncio.create_task(application(scope, self.receive, self.send))

    async def receive(self):
        if self.requests:
            return self.requests.pop()
        await self.leaving.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        await self.gate.wait()
        async with self.changed:
            self.sent.append(message)
            self.changed.notify_all()

    async def until(self, text):
        async with asyncio.timeout(GENEROUS), self.changed:
            await self.changed.wait_for(lambda: text in self.body)

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def numbers(self):
        lines = [line for line in self.body.split(b"\n") if line.startswith(b"data: {")]
        return [json.loads(line[6:])["sequence_number"] for line in lines]


@pytest_asyncio.fixture
async def reader(key):
    readers = []

    def opened(text):
        readers.append(Reader(key, {"input": text, "stream": True}))
        return readers[-1]

    yield opened
    for reader in readers:
        reader.leaving.set()
        await reader.task


async def test_who_reads_again_has_missed_nothing(reader, program, provider, monkeypatch):
    monkeypatch.setattr(handler, "SEND_TIMEOUT", GENEROUS)
    stalled = reader(f"[[stream deltas={DELTAS} rate=400]]")
    await stalled.until(b"output_text.delta")
    stalled.gate.clear()
    response = json.loads(stalled.body.split(b"data: ")[1].split(b"\n")[0])["response_id"]
    async with program.stream("GET", f"/v1/responses/{response}?stream=true") as other:
        assert [event async for event in read(other)][-1]["type"] == "response.completed"
    stalled.gate.set()
    await stalled.until(b"[DONE]")
    assert stalled.numbers == list(range(len(stalled.numbers)))
    assert stalled.body.count(b"response.completed\n") == 1


async def test_who_never_reads_is_let_go(reader, monkeypatch):
    monkeypatch.setattr(handler, "SEND_TIMEOUT", 0.2)
    stalled = reader("[[stream deltas=50 rate=50]]")
    await stalled.until(b"output_text.delta")
    stalled.gate.clear()
    async with asyncio.timeout(GENEROUS):
        await stalled.task


async def test_who_leaves_is_not_waited_for(reader, provider):
    left = reader("[[hold after=1]]")
    await left.until(b"output_text.delta")
    left.leaving.set()
    async with asyncio.timeout(GENEROUS):
        await left.task
    provider.release()
