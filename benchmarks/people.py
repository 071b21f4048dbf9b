"""People as cheap as can be: a socket each, that looks into a frame no further than needed."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.stage import Stage
from tests.system.account import Account

FINAL = ("response.completed", "response.failed", "response.incomplete")


@dataclass
class Answer:
    """What one message led to; times are those of `time.perf_counter`."""

    asked: float
    first: float = 0.0  # word
    ended: float = 0.0
    bytes: int = 0  # of all frames
    frames: int = 0
    state: str = ""


@dataclass
class Person:
    """One conversation in one tab."""

    socket: ClientConnection
    answers: list[Answer] = field(default_factory=list)

    async def ask(self, text: str) -> Answer:
        """Send a message, wait until it is answered."""
        answer = Answer(time.perf_counter())
        frame = {"type": "response.create", "idempotency_key": uuid4().hex, "input": text}
        await self.socket.send(json.dumps(frame))
        while not answer.state:
            self._take(answer, str(await self.socket.recv()))
        self.answers.append(answer)
        return answer

    def _take(self, answer: Answer, raw: str) -> None:
        answer.frames += 1
        answer.bytes += len(raw)
        kind = json.loads(raw)["type"]
        if kind == "response.output_text.delta" and not answer.first:
            answer.first = time.perf_counter()
        elif kind in FINAL or kind == "error":
            answer.ended, answer.state = time.perf_counter(), kind


async def invite(stage: Stage, count: int) -> list[Person]:
    """So many, each in a conversation of their own, all of one account."""
    account = await asyncio.to_thread(Account, stage.port)
    conversations = await asyncio.to_thread(lambda: [account.begin() for _ in range(count)])
    cookie = "; ".join(f"{one.name}={one.value}" for one in account.jar)
    return [await enter(stage, conversation, cookie) for conversation in conversations]


async def enter(stage: Stage, conversation: str, cookie: str) -> Person:
    socket = await connect(
        f"{stage.address.replace('http', 'ws')}/ws/conversations/{conversation}/",
        origin=stage.address,  # type: ignore[arg-type]
        additional_headers={"Cookie": cookie},
        compression=None,
    )
    await socket.send(json.dumps({"type": "subscribe", "cursor": None}))
    await socket.recv()
    return Person(socket)


async def leave(people: Sequence[Person]) -> None:
    for person in people:
        await person.socket.close()
