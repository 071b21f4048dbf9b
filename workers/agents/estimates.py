"""How many tokens a request will take: guessed by its length, and by how far earlier guesses were off."""

from collections.abc import Sequence

from pydantic_ai.messages import BinaryContent, ModelMessage
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.usage import RequestUsage

CHARACTERS = 4  # a token, about
ATTACHMENT = 1000  # tokens of a picture or a file, whatever its bytes
REPLY = 300  # tokens that a reply is thought to take until some have been seen
LEARNING = 0.1  # how much one request changes what is thought of the next
TRUST = 1000  # tokens in a guess; how far shorter ones are off says less


class Estimates:
    """Of one model, which has its own way with languages and a length of reply of its own."""

    def __init__(self) -> None:
        self._reply = float(REPLY)
        self._guessed = self._taken = 0.0  # of a prompt

    def of(self, prompt: int, *, most: int | None = None) -> int:
        """Tokens of a request whose prompt is guessed at so many; `most`: of its reply."""
        reply = min(self._reply, most) if most else self._reply
        return round(prompt * (self._taken + TRUST) / (self._guessed + TRUST) + reply)

    def learn(self, prompt: int, usage: RequestUsage) -> None:
        """What a request whose prompt was guessed at so many has taken."""
        if usage.input_tokens:
            self._guessed += LEARNING * (prompt - self._guessed)
            self._taken += LEARNING * (usage.input_tokens - self._taken)
        if usage.output_tokens:
            self._reply += LEARNING * (usage.output_tokens - self._reply)


def tokens(messages: Sequence[ModelMessage]) -> int:
    """About how many a history takes. Its messages all keep instructions; the last ones are sent."""
    kept = (getattr(message, "instructions", None) for message in reversed(messages))
    instructions: str = next(filter(None, kept), "")
    return (len(instructions) + sum(map(_message, messages))) // CHARACTERS


def tokens_of_tools(parameters: ModelRequestParameters) -> int:
    """About how many it takes to tell the model of its tools."""
    tools = (*parameters.function_tools, *parameters.output_tools)
    told = (_content([tool.description or "", tool.parameters_json_schema]) for tool in tools)
    return sum(told) // CHARACTERS


def _message(message: ModelMessage) -> int:
    """Characters."""
    return sum(
        _content(getattr(part, "content", None) or getattr(part, "args", None))
        for part in message.parts
    )


def _content(content: object) -> int:
    """Characters."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, BinaryContent):
        return ATTACHMENT * CHARACTERS
    if isinstance(content, list | tuple):
        return sum(map(_content, content))
    return len(str(content))
