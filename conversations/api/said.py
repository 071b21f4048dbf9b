"""Items and functions as requests of /v1/ give them, and as `Turn.input` keeps them."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]
NAME = r"^[A-Za-z0-9_-]{1,64}$"  # what every provider takes for a name


class Strict(BaseModel):
    """Refuses what it does not know; takes no text for a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


def either(value: Any) -> str | None:
    """Which alternative is meant, text or a list; errors then tell of that one alone."""
    if isinstance(value, str):
        return "<text>"
    return "<list>" if isinstance(value, list) else None


EITHER = Discriminator(
    either, custom_error_type="either", custom_error_message="This is a text or a list"
)


def speaker(value: Any) -> str | None:
    """Whose message it is."""
    role = value.get("role") if isinstance(value, dict) else getattr(value, "role", None)
    return SPEAKERS.get(role) if isinstance(role, str) else None


SPEAKERS = {
    "assistant": "<assistant>",
    **dict.fromkeys(("user", "system", "developer"), "<user>"),
}


class InputText(Strict):
    """A piece of text."""

    type: Literal["input_text"]
    text: str


class UserMessage(Strict):
    """What a person says, or a program for them: to the model it has the weight of their words."""

    type: Literal["message"] = "message"
    role: Literal["user", "system", "developer"]
    content: Annotated[
        Annotated[str, Tag("<text>")] | Annotated[list[InputText], Tag("<list>")], EITHER
    ]
    id: Id | None = None  # of another conversation's; it gets one here
    status: Literal["completed"] | None = None

    def as_item(self) -> dict[str, Any]:
        """As `Turn.input` keeps it."""
        content = self.content
        if isinstance(content, str):
            content = [InputText(type="input_text", text=content)]
        return {
            "type": "message",
            "role": self.role,
            "content": [part.model_dump() for part in content],
        }


class OutputText(Strict):
    """A piece of what an agent said."""

    type: Literal["output_text"]
    text: str
    annotations: list[Any] = Field(default=[], max_length=0)
    logprobs: list[Any] = Field(default=[], max_length=0)

    def as_part(self) -> dict[str, Any]:
        return {"type": "output_text", "text": self.text, "annotations": [], "logprobs": []}


class AssistantMessage(Strict):
    """What an agent said."""

    type: Literal["message"] = "message"
    role: Literal["assistant"]
    content: Annotated[
        Annotated[str, Tag("<text>")] | Annotated[list[OutputText], Tag("<list>")], EITHER
    ]
    id: Id | None = None  # of another conversation's; it gets one here
    status: Literal["completed"] = "completed"

    def as_item(self) -> dict[str, Any]:
        """As `Turn.input` keeps it."""
        content = self.content
        if isinstance(content, str):
            content = [OutputText(type="output_text", text=content)]
        parts = [part.as_part() for part in content]
        return {"type": "message", "role": self.role, "content": parts}


Said = Annotated[
    Annotated[UserMessage, Tag("<user>")] | Annotated[AssistantMessage, Tag("<assistant>")],
    Discriminator(
        speaker,
        custom_error_type="speaker",
        custom_error_message="This is a message of the role user, assistant, system or developer",
    ),
]


class ListedMessage(AssistantMessage):
    """As a response has it: one that was cut off is passed over, if the assistant spoke again."""

    status: Literal["completed", "incomplete", "in_progress"] | None = "completed"  # type: ignore[assignment]


class FunctionCall(Strict):
    """A call of a function, as a response has it; passed over where it was cut off."""

    type: Literal["function_call"]
    call_id: Annotated[str, StringConstraints(pattern=NAME)]
    name: Annotated[str, StringConstraints(pattern=NAME)]
    arguments: str
    id: Id | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None

    def as_item(self) -> dict[str, Any]:
        """As `Turn.input` keeps it."""
        return self.model_dump(include={"type", "call_id", "name", "arguments"})


class FunctionCallOutput(Strict):
    """What a function returned."""

    type: Literal["function_call_output"]
    call_id: Id
    output: Annotated[
        Annotated[str, Tag("<text>")] | Annotated[list[InputText], Tag("<list>")], EITHER
    ]
    id: Id | None = None  # its own name for it; here it gets another
    status: Literal["completed", "incomplete"] | None = None

    def as_item(self) -> dict[str, Any]:
        """As `Turn.input` keeps it."""
        return self.model_dump(include={"type", "call_id", "output"})


class Reasoning(Strict):
    """What another model thought: nobody else can read it, so it is passed over."""

    type: Literal["reasoning"]
    id: Id | None = None
    summary: list[dict[str, Any]] = []
    content: list[dict[str, Any]] | None = None
    encrypted_content: str | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class Reference(Strict):
    """Stands for an item of the user's own, which `references` puts in its place."""

    type: Literal["item_reference"] | None = None
    id: Id

    def as_item(self) -> dict[str, Any]:
        raise AssertionError("it was put in its place")


KINDS = {
    "item_reference": "<reference>",
    "function_call": "<call>",
    "function_call_output": "<output>",
    "reasoning": "<reasoning>",
}


def sort(value: Any) -> str | None:
    """Which kind of item it is; what has an id and nothing more is a reference."""
    if isinstance(value, Reference) or (isinstance(value, dict) and value.keys() == {"id"}):
        return "<reference>"
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return KINDS.get(kind) or speaker(value) if isinstance(kind, str) else speaker(value)


Item = Annotated[
    Annotated[UserMessage, Tag("<user>")]
    | Annotated[ListedMessage, Tag("<assistant>")]
    | Annotated[FunctionCall, Tag("<call>")]
    | Annotated[FunctionCallOutput, Tag("<output>")]
    | Annotated[Reasoning, Tag("<reasoning>")]
    | Annotated[Reference, Tag("<reference>")],
    Discriminator(
        sort,
        custom_error_type="sort",
        custom_error_message="This is a message of the role user, assistant, system or developer, "
        "a function_call, a function_call_output, reasoning, or an item_reference",
    ),
]


def told(items: Sequence[Item]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Those that are not passed over, as `Turn.input` keeps them, each with its place."""
    for place, (item, after) in enumerate(zip_longest(items, items[1:])):
        if not isinstance(item, Reasoning) and _counts(item, after):
            yield place, item.as_item()


def _counts(item: Item, after: Item | None) -> bool:
    """Whether it is whole; or words that were cut off, and the last of the assistant's."""
    status = getattr(item, "status", None)
    if status == "incomplete" and isinstance(item, ListedMessage):
        return not isinstance(after, ListedMessage | FunctionCall | Reasoning)
    return status not in ("incomplete", "in_progress")


class Function(Strict):
    """A function of the client's own."""

    type: Literal["function"]
    name: Annotated[str, StringConstraints(pattern=NAME)]
    description: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
