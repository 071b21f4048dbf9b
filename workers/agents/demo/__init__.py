"""The `demo` agent: needs no key and no network, and shows what the site does around an agent."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Literal, Protocol

from django.conf import settings
from pydantic_ai import Agent, RunContext, ToolFailed
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolReturnPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

from workers.agents.demo import arithmetic
from workers.agents.demo.heard import Call, Heard, Result
from workers.agents.demo.script import answer, story
from workers.agents.progress import progress


class Records(Protocol):
    """What it may read: its owner's conversations, no others. settings.AGENTS names the factory."""

    async def conversations(self) -> int:
        """How many there are."""

    async def messages(self) -> int:
        """How many messages they hold."""

    async def first_message(self) -> str:
        """What was said first in this conversation."""

    async def rename(self, title: str) -> None:
        """Give this conversation another title."""


async def stream(
    messages: list[ModelMessage], info: AgentInfo
) -> AsyncIterator[str | DeltaToolCalls]:
    """The model: reads what it has heard, then says its line word by word at a human pace."""
    tools = frozenset(tool.name for tool in info.function_tools)
    line = answer(replace(heard(messages), tools=tools))
    for piece in words(line) if isinstance(line, str) else calls(line, messages):
        yield piece
        await asyncio.sleep(1 / settings.DEMO_PACE if settings.DEMO_PACE else 0)


def words(text: str) -> Iterator[str]:
    """The text in pieces that add up to it."""
    yield from re.findall(r"\s*\S+\s*", text)


def calls(wanted: Sequence[Call], messages: Sequence[ModelMessage]) -> Iterator[DeltaToolCalls]:
    """The calls, with ids that any worker would give them again."""
    response = sum(isinstance(message, ModelResponse) for message in messages)
    for index, call in enumerate(wanted):
        yield {
            index: DeltaToolCall(
                name=call.tool,
                json_args=json.dumps(call.arguments),
                tool_call_id=f"demo_{response}_{index}",
            )
        }


def heard(messages: Sequence[ModelMessage]) -> Heard:
    """What the script goes by, from the transcript."""
    prompts: list[str] = []
    called: dict[str, Call] = {}
    results: list[Result] = []
    for part in (part for message in messages for part in message.parts):
        if isinstance(part, UserPromptPart):
            prompts.append(text(part))
            results.clear()
        elif part.part_kind == "tool-call":
            called[part.tool_call_id] = Call(part.tool_name, part.args_as_dict())
        elif isinstance(part, ToolReturnPart) and part.tool_call_id in called:
            call = called[part.tool_call_id]
            results.append(Result(call, part.model_response_str(), part.outcome != "success"))
    return Heard(prompts, results)


def text(part: UserPromptPart) -> str:
    """What a person wrote, without what they attached."""
    if isinstance(part.content, str):
        return part.content
    return " ".join(item for item in part.content if isinstance(item, str))


agent = Agent(
    FunctionModel(stream_function=stream, model_name="script"), name="demo", deps_type=Records
)


@agent.tool_plain(metadata={"idempotent": True})
def calculate(expression: str) -> str:
    """Calculate with numbers, brackets and + - * / // % ^."""
    try:
        return arithmetic.calculate(expression)
    except arithmetic.NotArithmetic as error:
        raise ToolFailed(str(error)) from error


@agent.tool(metadata={"idempotent": True})
async def look_up(
    ctx: RunContext[Records], what: Literal["conversations", "messages", "first message"]
) -> int | str:
    """Look up how many conversations or messages the person has, or what was said first here."""
    match what:
        case "conversations":
            return await ctx.deps.conversations()
        case "messages":
            return await ctx.deps.messages()
    return await ctx.deps.first_message()


@agent.tool_plain(
    metadata={"idempotent": True, "cache": {"seconds": 60, "scope": "everyone"}},
)
async def count_words() -> int:
    """Read the story page by page, and count its words."""
    pages = story().split("\n\n")
    for number, page in enumerate(pages, start=1):
        await progress(number / len(pages), f"reading page {number} of {len(pages)}")
        glances = len(page.split()) / 6  # words at a glance
        await asyncio.sleep(glances / settings.DEMO_PACE if settings.DEMO_PACE else 0)
    return len(story().split())


@agent.tool(requires_approval=True, metadata={"idempotent": True})
async def rename(ctx: RunContext[Records], title: str) -> str:
    """Give this conversation another title, if the person agrees."""
    await ctx.deps.rename(title)
    return title
