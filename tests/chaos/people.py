"""People who talk through a bad network: they send again with the same key, reconnect anywhere."""

import asyncio
import json
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.system.account import Account
from tests.system.tab import Response, Tab

ACCEPTED_WITHIN = 6  # seconds until a message is sent again
NETWORK = (OSError, WebSocketException, InvalidHandshake, EOFError, TimeoutError)
AT_LEAST = 6  # messages of a person, however soon the faults are over
WITH_TOOLS = 0.2  # of the messages
PAUSE = 0.2  # seconds before a reconnect
ENDED = {"completed": "response.completed", "failed": "response.failed"}
TOOLS = "[[tools pay look then=chain rate=25]] "  # tests.provider.script
LONG = "[[chain rate=2]] "  # which outlasts the grace of a worker that is told to stop
POLICIES = ["enqueue"] * 7 + ["interrupt", "rollback", "reject"]
LONGER = 0.04  # of the messages
VERSIONED = 0.05  # of them: only if nothing has changed since


@dataclass
class Sent:
    """One message, and what became of it as far as its sender knows."""

    key: str
    text: str
    policy: str
    response: str | None = None  # set when it was accepted
    version: int | None = None  # that is expected: the newest that its sender has heard of
    cancelled: bool = False  # or tried to


class RestlessTab(Tab):
    """Goes on at any replica, whatever breaks, until it is closed."""

    def __init__(self, conversation: str, cookie: str, ports: list[int], fate: random.Random):
        super().__init__(conversation, cookie, ports[0])
        self.ports, self.fate = ports, fate
        self.connections = 0
        self.broken: list[str] = []  # texts that could not be put together
        self.refused: dict[str, str] = {}  # idempotency key -> why it was not accepted
        self.version = 0  # of the conversation, as it was heard last

    async def open(self, *, cursor: dict[str, Any] | None = None) -> None:
        self.reader = asyncio.create_task(self.read())

    async def close(self) -> None:
        self.reader.cancel()
        await asyncio.gather(self.reader, return_exceptions=True)
        with suppress(*NETWORK, AttributeError):
            await self.socket.close()

    @property
    def is_quiet(self) -> bool:
        """Whether all is over that was ever seen to begin."""
        return all(seen.final for seen in self.responses.values())

    async def read(self) -> None:
        while True:
            self.port = self.fate.choice(self.ports)
            with suppress(*NETWORK):
                async with asyncio.timeout(ACCEPTED_WITHIN):
                    await self.connect(self.cursor())
                self.connections += 1
                async for raw in self.socket:
                    await self.take(json.loads(raw))
            await asyncio.sleep(PAUSE * self.fate.random())

    async def hang_up(self) -> None:
        """Lose the connection without a word."""
        with suppress(AttributeError):
            self.socket.transport.abort()

    async def take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "agentsite:snapshot":
            self.begin_anew(frame)
        self.version = frame.get("version", frame.get("current", self.version))
        if frame["type"] == "error" and "idempotency_key" in frame:
            self.refused[frame["idempotency_key"]] = frame["code"]
        try:
            await super().take(frame)
        except AssertionError as error:
            self.broken.append(f"{error}: {frame}")

    def begin_anew(self, snapshot: dict[str, Any]) -> None:
        """A snapshot replaces what was seen; a turn that it does not hold was rolled back."""
        for seen in self.responses.values():
            if not seen.final:
                seen.final, seen.told = "response.incomplete", True
        for told in snapshot["responses"]:
            seen = self.responses[told["response_id"]]
            if not seen.final or seen.told:
                seen.final, seen.told = ENDED.get(told["status"], "response.incomplete"), True
        for told in snapshot["active"]:
            self.responses[told["response_id"]] = so_far(told)


def so_far(told: dict[str, Any]) -> Response:
    """What a snapshot shows of an open response."""
    seen = Response(numbers=[told["sequence_number"]])
    for item in told["output"]:
        if item["status"] != "in_progress":
            seen.done.add(item["id"])
        if item["type"] == "message":
            seen.texts[item["id"]] = "".join(part["text"] for part in item["content"])
    return seen


@dataclass
class Person:
    """One tab of an account on a conversation, where one message is sent at a time."""

    name: str
    conversation: str
    tab: RestlessTab
    fate: random.Random
    patient: bool = False  # sends again only what was surely not heard
    sent: list[Sent] = field(default_factory=list)
    resends: int = 0
    refusals: Counter[str] = field(default_factory=Counter)  # by code

    async def talk(self, enough: asyncio.Event) -> None:
        """Until there has been enough of it, however little time that takes."""
        while len(self.sent) < AT_LEAST or not enough.is_set():
            await self.say()
            if self.fate.random() < 0.5:
                await self.wait_for_the_last()
            if self.fate.random() < 0.1:
                await self.tab.hang_up()

    async def say(self) -> None:
        """Send the next message until it is accepted."""
        self.sent.append(sent := self.compose())
        while sent.response is None:
            await self.send(sent)
            sent.response = await self.heard(sent.key)
        if self.fate.random() < 0.08:
            await self.cancel(sent)

    def compose(self) -> Sent:
        text = f"{self.name}-{len(self.sent)}"
        key = str(UUID(int=self.fate.getrandbits(128), version=4))
        drawn, versioned = self.fate.random(), self.fate.random() < VERSIONED
        if drawn < WITH_TOOLS:
            text = TOOLS + text
        elif drawn < WITH_TOOLS + LONGER:
            text = LONG + text
        sent = Sent(key, text, self.fate.choice(POLICIES))
        sent.version = self.tab.version if versioned else None
        return sent

    async def send(self, sent: Sent) -> None:
        frame = {"type": "response.create", "idempotency_key": sent.key, "input": sent.text}
        if sent.version is not None:
            frame["expected_version"] = sent.version = self.tab.version
        self.tab.refused.pop(sent.key, None)
        with suppress(*NETWORK, AttributeError):
            await self.tab.send({**frame, "policy": sent.policy})

    async def heard(self, key: str) -> str | None:
        """The response's id, unless the answer does not come, or is that others are in the way."""
        tab = self.tab
        try:
            seconds = ACCEPTED_WITHIN * (1 if self.patient else self.fate.random())
            async with tab.changed, asyncio.timeout(seconds):
                await tab.changed.wait_for(lambda: key in tab.accepted or key in tab.refused)
                if key not in tab.accepted:
                    self.refusals[tab.refused[key]] += 1
                    await tab.changed.wait_for(lambda: key in tab.accepted or tab.is_quiet)
        except TimeoutError:
            self.resends += 1
        return tab.accepted.get(key)

    async def cancel(self, sent: Sent) -> None:
        await asyncio.sleep(self.fate.random())
        sent.cancelled = True
        with suppress(*NETWORK, AttributeError):
            await self.tab.send({"type": "response.cancel", "response_id": sent.response})

    async def wait_for_the_last(self) -> None:
        response = self.sent[-1].response
        assert response is not None
        async with self.tab.changed:
            await self.tab.changed.wait_for(lambda: self.tab.responses[response].final)


async def person(name: str, ports: list[int], fate: random.Random, *, patient: bool) -> Person:
    """A new account with a new conversation."""
    account = await asyncio.to_thread(Account, ports[0])
    conversation = await asyncio.to_thread(account.begin)
    cookie = account.tab(ports[0], conversation).cookie
    tab = RestlessTab(conversation, cookie, ports, fate)
    await tab.open()
    return Person(name, conversation, tab, fate, patient)


async def beside(other: Person, name: str, fate: random.Random) -> Person:
    """A second tab on another's conversation; each of them sends in an order of its own."""
    tab = RestlessTab(other.conversation, other.tab.cookie, other.tab.ports, fate)
    await tab.open()
    return Person(name, other.conversation, tab, fate, other.patient)
