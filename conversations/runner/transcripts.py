"""Messages of a transcript as pydantic-ai has them, and what they are in a turn."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse

from conversations.threads import in_thread

LARGE = 100_000  # characters of a history that the event loop does not parse itself


async def parsed(
    messages: Sequence[str], *, known: Mapping[str, ModelMessage] = MappingProxyType({})
) -> list[ModelMessage]:
    """The transcript as pydantic-ai has it; what is `known` is not parsed again."""
    text = f"[{','.join(message for message in messages if message not in known)}]"
    if len(text) < LARGE:
        fresh = iter(ModelMessagesTypeAdapter.validate_json(text))
    else:
        fresh = iter(await in_thread(ModelMessagesTypeAdapter.validate_json, text))
    return [known[message] if message in known else next(fresh) for message in messages]


def is_reply(message: ModelMessage) -> bool:
    """Whether the agent has nothing left to do after this."""
    return isinstance(message, ModelResponse) and not message.tool_calls


def is_cut(message: ModelMessage) -> bool:
    """Whether the model had to stop there: by the request's bound, the agent's or its own."""
    return isinstance(message, ModelResponse) and message.finish_reason == "length"
