"""Items and functions as requests of /v1/ give them, and as `Turn.input` keeps them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]


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
    return f"<{role}>" if isinstance(role, str) else None


class InputText(Strict):
    """A piece of text."""

    type: Literal["input_text"]
    text: str


class UserMessage(Strict):
    """What a person says."""

    type: Literal["message"] = "message"
    role: Literal["user"]
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
        custom_error_message="This is a message of the role user or assistant",
    ),
]


class FunctionCallOutput(Strict):
    """What a client's own function returned."""

    type: Literal["function_call_output"]
    call_id: Id
    output: Annotated[
        Annotated[str, Tag("<text>")] | Annotated[list[InputText], Tag("<list>")], EITHER
    ]
    id: Id | None = None  # its own name for it; here it gets another
    status: Literal["completed"] | None = None

    def as_item(self) -> dict[str, Any]:
        """As `Turn.input` keeps it."""
        return self.model_dump(include={"type", "call_id", "output"})


def sort(value: Any) -> str | None:
    """Which kind of item it is."""
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return "<output>" if kind == "function_call_output" else speaker(value)


Item = Annotated[
    Annotated[UserMessage, Tag("<user>")]
    | Annotated[AssistantMessage, Tag("<assistant>")]
    | Annotated[FunctionCallOutput, Tag("<output>")],
    Discriminator(
        sort,
        custom_error_type="sort",
        custom_error_message="This is a message of the role user or assistant, or a function_call_output",
    ),
]


class Function(Strict):
    """A function of the client's own."""

    type: Literal["function"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
