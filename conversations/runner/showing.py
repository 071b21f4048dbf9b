"""Shows a model's response as it comes: pydantic-ai's events become what the composition holds."""

from typing import Any

from pydantic_ai.messages import (
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)

from conversations.composing import Composition
from conversations.errors import ReplyTooLong
from conversations.runner.storable import storable
from conversations.showing.replays import as_text


class Showing:
    """One response: a text part is shown as a message, a tool call as a call, thinking not at all."""

    def __init__(self, shown: Composition, *, most: int) -> None:
        """`most`: characters of the response, with what is not shown."""
        self._shown = shown
        self._left = most
        self._items: dict[int, int] = {}  # by index of the part

    @property
    def items(self) -> list[int]:
        """The items of the response, in the order of its parts."""
        return [self._items[index] for index in sorted(self._items)]

    def take(self, event: Any) -> None:
        """One event of the stream; of those not named here nothing is to be seen.

        Raises `ReplyTooLong`, and then nothing of it was shown.
        """
        self._left -= characters(event)
        if self._left < 0:
            raise ReplyTooLong
        match event:
            case PartStartEvent(index=index, part=TextPart(content=content)):
                self._text(index, content)
            case PartDeltaEvent(index=index, delta=TextPartDelta(content_delta=delta)):
                self._text(index, delta)
            case PartStartEvent(index=index, part=ToolCallPart() as call):
                self._items[index] = self._shown.open_call(call.tool_call_id, call.tool_name)
                self._arguments(index, call.args)
            case PartDeltaEvent(index=index, delta=ToolCallPartDelta(args_delta=delta)):
                self._arguments(index, delta)

    def finish(self, response: ModelResponse) -> None:
        """Show the arguments that came as a whole and not as text."""
        for index, part in enumerate(response.parts):
            if isinstance(part, ToolCallPart) and isinstance(part.args, dict):
                self._arguments(index, as_text(part.args))

    def _text(self, index: int, delta: str) -> None:
        if not delta:
            return  # a message without a word is not shown
        if index not in self._items:
            self._items[index] = self._shown.open_message()
        self._shown.text(self._items[index], storable(delta))

    def _arguments(self, index: int, delta: str | dict[str, Any] | None) -> None:
        if isinstance(delta, str):
            self._shown.arguments(self._items[index], storable(delta))


def characters(event: Any) -> int:
    """How much an event adds to the response."""
    match event:
        case PartStartEvent(part=TextPart(content=said) | ThinkingPart(content=said)):
            return len(said)
        case PartStartEvent(part=ToolCallPart(args=str(said))):
            return len(said)
        case PartDeltaEvent(delta=TextPartDelta(content_delta=said)):
            return len(said)
        case PartDeltaEvent(delta=ThinkingPartDelta(content_delta=str(said))):
            return len(said)
        case PartDeltaEvent(delta=ToolCallPartDelta(args_delta=str(said))):
            return len(said)
    return 0
