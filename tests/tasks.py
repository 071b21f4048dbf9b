"""Jobs for the tests of workers; each tells in Redis what happens to it."""

import asyncio
import gc
import json
import os
import sys
import time
from contextlib import suppress

import redis
import redis.asyncio
from django.utils.module_loading import import_string

from workers import interrupts
from workers.fleet import presence

ALL = (
    "noop",
    "wait",
    "deaf",
    "explode",
    "leave",
    "hang",
    "stray",
    "chunks",
    "plain",
    "guarded",
    "answering",
    "settled",
)

undead: list[asyncio.Task[None]] = []


def client() -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)


async def tell(name: str, what: str) -> None:
    async with client() as connection:
        await connection.rpush(f"test:{name}", what)


async def noop(name: str) -> None:
    """Ends at once."""
    await tell(name, "done")


async def wait(name: str) -> None:
    """Runs until something is pushed to test:<name>:go; tells why when it is interrupted."""
    try:
        await tell(name, "started")  # who has read it may interrupt it before this returns
        async with client() as connection:
            await connection.blpop([f"test:{name}:go"], 0)
    except asyncio.CancelledError:
        await tell(name, str(interrupts.current().reason))
    else:
        await tell(name, "done")


async def deaf(name: str) -> None:
    """Is interrupted without a word, and leaves all to its worker."""
    await tell(name, "started")
    await asyncio.Event().wait()


async def explode(name: str) -> None:
    raise RuntimeError(name)


async def leave(name: str) -> None:
    raise SystemExit(name)


async def hang(name: str) -> None:
    """Holds up the whole event loop."""
    await tell(name, "started")
    time.sleep(60)  # noqa: ASYNC251 - the fault that the watchdog is for


async def stray(name: str) -> None:
    """Leaves a task behind that no cancel ends."""
    undead.append(asyncio.create_task(undying()))
    await tell(name, "done")


async def undying() -> None:
    while True:
        with suppress(BaseException):
            await asyncio.Event().wait()


async def chunks(seconds: float) -> None:
    """As a turn that gets one chunk a second."""
    for _ in range(int(seconds)):
        await asyncio.sleep(1)


async def guarded(name: str) -> None:
    """Has a presence of its own where its worker has none."""
    with presence.ensure("quarantine") as own:
        await tell(name, own.name)
        await wait(name)


async def answering(conversation: str) -> None:
    """Does what the site's task does, and tells which libraries had to be imported for it."""
    before = libraries()
    await import_string("conversations.tasks.answer")(conversation, "default")
    await tell("imported", json.dumps(sorted(libraries() - before)))


async def settled(name: str) -> None:
    """Tells after how many new objects its collector of cycles looks at them."""
    await tell(name, str(gc.get_threshold()[0]))


def libraries() -> set[str]:
    """What is imported, and how much of pydantic-ai."""
    heavy = {name for name in sys.modules if name.startswith("pydantic_ai.")}
    return heavy | {name.partition(".")[0] for name in sys.modules}


def plain(name: str) -> None:
    """No coroutine function."""


def swept(free_slots: int) -> None:
    """Stands in for the site's recovery, and tells that it was called."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as connection:
        connection.incr(f"test:sweeps:{os.getpid()}")


def found(free_slots: int) -> None:
    """Stands in for the site's recovery, and tells how many hints it may give."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as connection:
        connection.set("test:found", free_slots)
