"""The agent of the arena: the ready assistant's model, and two tools whose effects are on disk."""

import json
import os
from pathlib import Path

from pydantic_ai import Agent, RunContext

from workers.agents import model

agent = Agent(model.from_settings(), name="chaos")


def effect(ctx: RunContext[None]) -> str:
    """Outside of all that the site keeps: one line, in one write, in append mode."""
    key = ctx.tool_call_metadata["idempotency_key"]
    with Path(os.environ["CHAOS_EFFECTS"]).open("a") as log:
        log.write(json.dumps({"tool": ctx.tool_name, "key": key}) + "\n")
    return f"{ctx.tool_name} {key}"


@agent.tool
async def pay(ctx: RunContext[None]) -> str:
    return effect(ctx)


@agent.tool(metadata={"idempotent": True})
async def look(ctx: RunContext[None]) -> str:
    return effect(ctx)
