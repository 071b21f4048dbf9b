"""The `demo` agent: needs no key and no network, and shows what the site does around an agent."""

import asyncio
import json
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import accumulate
from typing import Any, Literal, Protocol

from django.conf import settings
from pydantic_ai import Agent, RunContext, ToolFailed
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolReturnPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from workers.agents.demo import arithmetic
from workers.agents.demo.heard import Call, Heard, Result
from workers.agents.demo.script import answer, story
from workers.agents.progress import progress

Piece = str | DeltaToolCalls
BETWEEN_TOKENS = re.compile(r'[\s",.:]+')


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


async def stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Piece]:
    """The model: reads what it has heard, then says its line word by word at a human pace."""
    pieces, _ = line(messages, info.function_tools, info.model_settings)
    for piece in pieces or [""]:
        yield piece
        await asyncio.sleep(1 / settings.DEMO_PACE if settings.DEMO_PACE else 0)


def line(
    messages: Sequence[ModelMessage], tools: Sequence[ToolDefinition], how: ModelSettings | None
) -> tuple[list[Piece], bool]:
    """The pieces of what it says next, as many as it may, and whether there would be more."""
    known = frozenset(tool.name for tool in tools)
    functions = {tool.name: texts(tool) for tool in tools if tool.kind == "external"}
    said = answer(replace(heard(messages), tools=known, functions=functions))
    pieces: list[Piece] = list(words(said) if isinstance(said, str) else calls(said, messages))
    most = (how or {}).get("max_tokens", math.inf)
    fitting = [
        piece for piece, spent in zip(pieces, spending(pieces), strict=True) if spent <= most
    ]
    return fitting, len(fitting) < len(pieces)


def texts(tool: ToolDefinition) -> list[str]:
    """The arguments of a program's function that are texts."""
    found = tool.parameters_json_schema.get("properties")
    properties = found.items() if isinstance(found, dict) else ()
    return [
        name for name, kind in properties if isinstance(kind, dict) and kind.get("type") == "string"
    ]


def spending(pieces: Iterable[Piece]) -> Iterator[int]:
    """The tokens up to the end of each piece, as FunctionModel counts them."""
    texts = (
        piece
        if isinstance(piece, str)
        else "".join(call.json_args or "" for call in piece.values())
        for piece in pieces
    )
    return accumulate(len(BETWEEN_TOKENS.split(text.strip())) for text in texts)


class Script(FunctionModel):
    """The script as a model, which tells where it had to stop."""

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        asked = messages, model_settings, model_request_parameters, run_context
        tools = model_request_parameters.declared_function_tools
        async with super().request_stream(*asked) as response:
            _, is_cut = line(messages, tools, model_settings)
            response.finish_reason = "length" if is_cut else "stop"
            yield response


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


agent = Agent(Script(stream_function=stream, model_name="script"), name="demo", deps_type=Records)


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
