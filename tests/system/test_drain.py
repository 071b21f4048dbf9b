"""Every process is restarted one after the other while people talk: a pause, and nothing else."""

import asyncio
import itertools
import json
import signal
import time
import uuid
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.system.account import Account
from tests.system.site import Site
from tests.system.tab import Tab
from tests.system.test_quarantine import REPLIES
from tests.system.test_turns import ids, reply_of

pytestmark = pytest.mark.slow

PEOPLE = 8
SHORT = "[[stream deltas=60 rate=30]]"
LONG = "[[stream deltas=450 rate=30]]"  # 15 s: longer than the grace
LIMIT = 180  # seconds: two workers may hand a long turn back
AGAIN_AFTER = 2  # seconds without an answer until a message is sent again under its key
ASKED = """
    SELECT count(*), min(number), max(number), sum(crashes) FROM conversations_turn
    WHERE conversation_id = %s::uuid
"""
ATTEMPTS = """
    SELECT sum(attempt) FROM conversations_turn WHERE conversation_id = ANY(%s::uuid[])
"""


class Roamer(Tab):
    """As the page: goes to the other replica when one leaves, sends again what was not accepted."""

    def __init__(self, tab: Tab, ports: list[int]) -> None:
        super().__init__(tab.conversation, tab.cookie, tab.port)
        self.ports = itertools.cycle(ports)
        self.times: list[float] = []

    async def connect(self, cursor: dict[str, Any] | None) -> None:
        while True:
            self.port = next(self.ports)
            try:
                return await super().connect(cursor)
            except (OSError, WebSocketException):
                await asyncio.sleep(0.1)

    async def until(self, condition: Any) -> None:
        async with self.changed, asyncio.timeout(LIMIT):
            await self.changed.wait_for(condition)

    async def take(self, frame: dict[str, Any]) -> None:
        self.times.append(time.monotonic())
        await super().take(frame)

    async def ask(self, text: str, *, key: str | None = None, **more: Any) -> str:
        key = key or str(uuid.uuid4())
        frame = {"type": "response.create", "idempotency_key": key, "input": text}
        while key not in self.accepted:
            try:
                await self.socket.send(json.dumps(frame))
                await asyncio.wait_for(self.until(lambda: key in self.accepted), AGAIN_AFTER)
            except (ConnectionClosed, TimeoutError):
                await asyncio.sleep(0.1)
        return self.accepted[key]

    @property
    def longest_pause(self) -> float:
        """Seconds between two frames."""
        return max(late - early for early, late in itertools.pairwise(self.times))


async def restart(site: Site, name: str) -> None:
    await asyncio.to_thread(site.kill, name, signal.SIGTERM)
    assert site.processes[name].returncode in {0, -signal.SIGTERM}, site.log(name)
    site.start_again(name)
    await asyncio.to_thread(site.await_ready)


async def talk(tab: Roamer, text: str, over: asyncio.Event) -> list[str]:
    """Ask again and again; the responses."""
    asked = []
    while not over.is_set():
        asked.append(await tab.ask(text))
        await tab.until(lambda: tab.responses[asked[-1]].final)
    return asked


async def test_a_rolling_restart_under_load_loses_and_doubles_nothing(
    site: Site, account: Account, record_property
):
    over, paid = asyncio.Event(), site.paid_calls()
    tabs = [Roamer(account.tab(site.ports[0], account.begin()), site.ports) for _ in range(PEOPLE)]
    for tab in tabs:
        await tab.open()
    texts = [LONG, *[SHORT] * (PEOPLE - 1)]
    talks = [asyncio.create_task(talk(*each, over)) for each in zip(tabs, texts, strict=True)]
    await asyncio.gather(*(tab.until(lambda tab=tab: len(tab.times) > 20) for tab in tabs))
    for name in ("worker-1", "replica-1", "worker-2", "replica-2", "quarantine"):
        await restart(site, name)
    over.set()
    for tab, asked in zip(tabs, await asyncio.gather(*talks), strict=True):
        assert_nothing_lost_or_doubled(site, tab, asked)
        await tab.close()
    ((attempts,),) = site.rows(ATTEMPTS, [tab.conversation for tab in tabs])
    assert site.paid_calls() - paid <= attempts
    pauses = sorted(round(tab.longest_pause, 2) for tab in tabs)
    record_property("longest_pauses", pauses)
    print("longest pause of each client in seconds:", *pauses)  # noqa: T201
    assert pauses[-1] < 10


def assert_nothing_lost_or_doubled(site: Site, tab: Roamer, asked: list[str]) -> None:
    assert site.rows(ASKED, tab.conversation) == [(len(asked), 0, len(asked) - 1, 0)]
    for response in asked:
        seen = tab.responses[response]
        assert seen.final == "response.completed"
        assert seen.numbers == list(range(len(seen.numbers)))
        assert seen.text == reply_of(site, response)
        assert site.rows(REPLIES, *ids(response)) == [(1,)]
