"""What requests of /v1/ may say. A parameter that is not here is refused by its name."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from conversations.models import Policy
from conversations.protocol.responses import DEFAULTS

Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64)],
        Annotated[str, StringConstraints(max_length=512)],
    ],
    Field(max_length=16),
]
# What the specification has and this site does not offer: taken only as it is without them.
FIXED: dict[str, Any] = {
    **{name: value for name, value in DEFAULTS.items() if name != "incomplete_details"},
    "include": [],
    "stream_options": {"include_obfuscation": False},
}


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


class CreateConversation(Strict):
    """A request for a conversation."""

    model: Id | None = None
    metadata: Metadata | None = None
    items: Annotated[list[Said], Field(max_length=20)] | None = None


class UpdateConversation(Strict):
    """Other metadata."""

    metadata: Metadata


class CreateItems(Strict):
    """What was said elsewhere."""

    items: Annotated[list[Said], Field(min_length=1, max_length=20)]


class ConversationRef(Strict):
    """A conversation by its id."""

    id: Id


class CreateResponse(Strict):
    """A request for a response."""

    input: Annotated[
        Annotated[str, StringConstraints(min_length=1), Tag("<text>")]
        | Annotated[list[Item], Field(min_length=1, max_length=100), Tag("<list>")],
        EITHER,
    ]
    model: Id | None = None
    conversation: Id | ConversationRef | None = None
    previous_response_id: Id | None = None
    stream: bool | None = None
    background: bool | None = None
    store: bool | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None
    tools: Annotated[list[Function], Field(max_length=128)] | None = None
    tool_choice: Literal["auto", "none"] | None = None
    policy: Policy | None = Field(None, strict=False)
    expected_version: Annotated[int, Field(ge=0, lt=2**53)] | None = None

    @model_validator(mode="before")
    @classmethod
    def without_defaults(cls, values: Any) -> Any:
        """Leave off what is not offered and was not changed."""
        if not isinstance(values, dict):
            return values
        return {
            name: value for name, value in values.items() if not _is_unchanged(cls, name, value)
        }

    @model_validator(mode="after")
    def agrees(self) -> Self:
        if self.conversation is not None and self.previous_response_id is not None:
            raise ValueError("conversation and previous_response_id exclude each other")
        if self.store is False and self.background:
            raise ValueError("what runs in the background has to be stored")
        if self.store is False and self.conversation is not None:
            raise ValueError("what is not stored cannot be part of a conversation")
        if self._answers_calls and not (self.conversation or self.previous_response_id):
            raise ValueError("an output goes with previous_response_id or conversation")
        names = [tool.name for tool in self.tools or ()]
        if len(set(names)) < len(names):
            raise ValueError("two tools have one name")
        return self

    @field_validator("input")
    @classmethod
    def asks_something(cls, value: str | list[Item]) -> str | list[Item]:
        if isinstance(value, list) and isinstance(value[-1], AssistantMessage):
            raise ValueError(  # noqa: TRY004 - pydantic wants this one
                "after the last message of the assistant there is nothing to answer"
            )
        return value

    @property
    def _answers_calls(self) -> bool:
        given = self.input if isinstance(self.input, list) else []
        return any(isinstance(item, FunctionCallOutput) for item in given)

    @property
    def items(self) -> list[dict[str, Any]]:
        """The input as `Turn.input` keeps it."""
        if isinstance(self.input, str):
            return [UserMessage(role="user", content=self.input).as_item()]
        return [item.as_item() for item in self.input]

    @property
    def conversation_id(self) -> str | None:
        named = self.conversation
        return named.id if isinstance(named, ConversationRef) else named

    @property
    def parameters(self) -> dict[str, Any]:
        """What the response shows of the request, and whether it names a conversation."""
        return {
            "conversation": self.conversation is not None,
            "previous_response_id": self.previous_response_id,
            "store": self.store is not False,
            "background": bool(self.background),
            "metadata": self.metadata or {},
            "tools": [tool.model_dump() for tool in self.tools or ()],
            "tool_choice": self.tool_choice or "auto",
        }


class AnswerCall(Strict):
    """A person's answer to a call that waits for it."""

    call_id: Id
    approved: bool
    output: Annotated[str, StringConstraints(max_length=10_000)] = ""


class Replay(BaseModel):
    """How a response is looked at."""

    stream: bool = False
    starting_after: int | None = Field(None, ge=0, lt=2**31, description="With stream=true")

    @model_validator(mode="after")
    def agrees(self) -> Self:
        if self.starting_after is not None and not self.stream:
            raise ValueError("starting_after goes with stream=true")
        return self


def _is_unchanged(model: type[BaseModel], name: str, value: Any) -> bool:
    if name in model.model_fields or name not in FIXED:
        return False
    return value is None or value == FIXED[name]
