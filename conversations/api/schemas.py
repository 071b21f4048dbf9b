"""What requests of /v1/ may say. A parameter that is not here is refused by its name."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

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
    "tools": [],
}


class Strict(BaseModel):
    """Refuses what it does not know; takes no text for a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class InputText(Strict):
    """A piece of text."""

    type: Literal["input_text"]
    text: str


class UserMessage(Strict):
    """What a person says."""

    type: Literal["message"] = "message"
    role: Literal["user"]
    content: str | list[InputText]

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


class ConversationRef(Strict):
    """A conversation by its id."""

    id: Id


class CreateResponse(Strict):
    """A request for a response."""

    input: (
        Annotated[str, StringConstraints(min_length=1)]
        | Annotated[list[UserMessage], Field(min_length=1, max_length=100)]
    )
    model: Id | None = None
    conversation: Id | ConversationRef | None = None
    previous_response_id: Id | None = None
    stream: bool | None = None
    background: bool | None = None
    store: bool | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "default"] | None = None
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
        return self

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
        }


def _is_unchanged(model: type[BaseModel], name: str, value: Any) -> bool:
    if name in model.model_fields or name not in FIXED:
        return False
    return value is None or value == FIXED[name]
