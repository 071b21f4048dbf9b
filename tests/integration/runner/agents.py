"""An agent outside the site's tree; the tests choose its model, and see what its tools did."""

import asyncio
from contextlib import suppress

from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, RunContext, ToolFailed
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred
from pydantic_ai.models.function import FunctionModel

from workers import ratelimit
from workers.agents.progress import progress

agent = Agent(name="tested", instructions="Be kind.")

callers: list[ratelimit.Caller] = []  # for whom the listener's model was asked


async def overheard(messages, info):
    """A model that hears for whom it is asked."""
    callers.append(ratelimit.caller())
    yield "heard"


listener = Agent(FunctionModel(stream_function=overheard), name="listener")

effects: list[tuple[str, str]] = []  # tool, idempotency key
gates: dict[str, asyncio.Event] = {}  # what a slow tool waits for
begun = asyncio.Semaphore(0)  # one for each effect


def forget() -> None:
    """Begin a test."""
    global begun  # noqa: PLW0603 - a semaphore belongs to one loop
    effects.clear()
    callers.clear()
    gates.clear()
    begun = asyncio.Semaphore(0)


async def wait_for_effects(count: int) -> None:
    """Until so many more have begun."""
    for _ in range(count):
        await begun.acquire()


def done(ctx: RunContext[None]) -> None:
    effects.append((ctx.tool_name, ctx.tool_call_metadata["idempotency_key"]))
    begun.release()


@agent.tool(metadata={"idempotent": True})
async def calculate(ctx: RunContext[None], expression: str) -> int:
    done(ctx)
    return 42


@agent.tool
async def pay(ctx: RunContext[None], amount: int = 1) -> dict[str, int]:
    done(ctx)
    if gate := gates.get("pay"):
        await gate.wait()
    return {"change": 0, "paid": amount}


@agent.tool(metadata={"idempotent": True})
async def look(ctx: RunContext[None]) -> str:
    done(ctx)
    if gate := gates.get("look"):
        await gate.wait()
    return "seen"


@agent.tool
async def insist(ctx: RunContext[None]) -> str:
    """Goes on though it is told to stop."""
    done(ctx)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "done all the same"


@agent.tool
async def swallow(ctx: RunContext[None]) -> str:
    """No cancel ends it."""
    done(ctx)
    while not gates["swallow"].is_set():
        with suppress(BaseException):
            await gates["swallow"].wait()
    return "too late"


@agent.tool(retries=0)
async def fail(ctx: RunContext[None], how: str) -> str:
    match how:
        case "softly":
            raise ToolFailed("there is no such thing")
        case "again":
            raise ModelRetry("try another way")
        case "nul":
            return "before\0after"
    raise ValueError("a secret of the tool's")


@agent.tool(retries=1)
async def ask(ctx: RunContext[None]) -> str:
    raise ModelRetry("try another way")


@agent.tool(requires_approval=True)
async def transfer(ctx: RunContext[None], amount: int = 1) -> str:
    done(ctx)
    return f"transferred {amount}"


@agent.tool
async def spend(ctx: RunContext[None], amount: int = 1) -> str:
    """Asks only when it is called."""
    if not ctx.tool_call_approved:
        raise ApprovalRequired
    done(ctx)
    return f"spent {amount}"


@agent.tool
async def fetch(ctx: RunContext[None]) -> str:
    """Somebody else brings what it is called for."""
    raise CallDeferred


@agent.tool(metadata={"cache": {"seconds": 60}})
async def weather(ctx: RunContext[None]) -> str:
    done(ctx)
    if gate := gates.get("weather"):
        await gate.wait()
    return "rain"


@agent.tool(metadata={"cache": {"seconds": 60, "scope": "conversation"}})
async def notes(ctx: RunContext[None]) -> str:
    done(ctx)
    return "none"


@agent.tool
async def read(ctx: RunContext[None]) -> str:
    await progress(0.4, "reading page\0\udcff4")
    if gate := gates.get("read"):
        await gate.wait()
    return "read"


@agent.tool
async def count(ctx: RunContext[None]) -> str:
    for number in range(1000):
        await progress(number / 1000)
    return "counted"


class Place(BaseModel):
    """What an agent may have to end with."""

    name: str


shaped = Agent(name="shaped", output_type=Place)
old = Agent(name="old", system_prompt="Speak as they did.", tools=[calculate])
