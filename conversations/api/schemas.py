"""What requests of /v1/ may say. A parameter that is not here is refused by its name."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from conversations.api.said import (
    EITHER,
    Function,
    Id,
    Item,
    Said,
    Strict,
    UserMessage,
    told,
)
from conversations.errors import InvalidValue
from conversations.models import Policy
from conversations.protocol.responses import DEFAULTS
from conversations.turns import past
from workers.agents.registry import PARAMETERS

ITEMS = 400  # of one request, which may bring a loop of calls along
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64)],
        Annotated[str, StringConstraints(max_length=512)],
    ],
    Field(max_length=16),
]
Penalty = Annotated[float, Field(ge=-2, le=2)]
# What the specification has and this site does not offer: taken only as it is without them.
FIXED: dict[str, Any] = {
    **{name: value for name, value in DEFAULTS.items() if name != "incomplete_details"},
    "stream_options": {"include_obfuscation": False},
}


def reference(value: Any) -> str | None:
    """How something is named: by its id, or by an object with it."""
    return "<id>" if isinstance(value, str) else "<object>" if isinstance(value, dict) else None


NAMED = Discriminator(
    reference,
    custom_error_type="named",
    custom_error_message="This is an id, or an object with one",
)


class CreateConversation(Strict):
    """A request for a conversation."""

    model: Id | None = None
    metadata: Metadata | None = None
    items: Annotated[list[Said], Field(max_length=20)] | None = None
    policy: Policy | None = Field(None, strict=False)


class UpdateConversation(Strict):
    """Other metadata, another policy, or both."""

    metadata: Metadata | None = None
    policy: Policy | None = Field(None, strict=False)

    @model_validator(mode="after")
    def changes_something(self) -> Self:
        if self.metadata is None and self.policy is None:
            raise ValueError("metadata or policy is missing")
        return self


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
        | Annotated[list[Item], Field(min_length=1, max_length=ITEMS), Tag("<list>")],
        EITHER,
    ]
    model: Id | None = None
    instructions: Annotated[str, StringConstraints(max_length=50_000)] | None = None
    conversation: (
        Annotated[Annotated[Id, Tag("<id>")] | Annotated[ConversationRef, Tag("<object>")], NAMED]
        | None
    ) = None
    previous_response_id: Id | None = None
    stream: bool | None = None
    background: bool | None = None
    store: bool | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=16, lt=2**31)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    parallel_tool_calls: bool | None = None
    include: list[Literal["reasoning.encrypted_content"]] | None = None  # of no reasoning, none
    tool_choice: Literal["auto", "none"] | None = None
    tools: Annotated[list[Function], Field(max_length=128)] | None = None
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
        names = [tool.name for tool in self.tools or ()]
        if len(set(names)) < len(names):
            raise ValueError("two tools have one name")
        return self

    @property
    def items(self) -> list[dict[str, Any]]:
        """The input as `Turn.input` keeps it. Raises `InvalidValue` where its items do not agree."""
        if isinstance(self.input, str):
            return [UserMessage(role="user", content=self.input).as_item()]
        placed = list(told(self.input))
        past.check(placed, goes_on=bool(self.conversation or self.previous_response_id))
        items = [item for _, item in placed]
        if not items or past.is_agents(items[-1]):
            raise InvalidValue(
                "After the last item of the assistant there is nothing to answer.", param="input"
            )
        return items

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
            "instructions": self.instructions,
            "store": self.store is not False,
            "background": bool(self.background),
            "metadata": self.metadata or {},
            "tools": [tool.model_dump() for tool in self.tools or ()],
            "tool_choice": self.tool_choice or "auto",
            **self.model_dump(include=set(PARAMETERS), exclude_none=True),
        }


class AnswerCall(Strict):
    """A person's answer to a call that waits for it."""

    call_id: Id
    approved: bool
    output: Annotated[str, StringConstraints(max_length=10_000)] = ""


class Replay(BaseModel):
    """How a response is looked at."""

    stream: bool = False
    starting_after: int | None = Field(None, ge=0, lt=2**53, description="With stream=true")
    include_obfuscation: Literal["false"] | None = None  # the SDK's parameter; nothing is padded

    @field_validator("starting_after")
    @classmethod
    def agrees(cls, number: int | None, found: ValidationInfo) -> int | None:
        if number is not None and not found.data.get("stream"):
            raise ValueError("it goes with stream=true")
        return number


def _is_unchanged(model: type[BaseModel], name: str, value: Any) -> bool:
    if name in model.model_fields or name not in FIXED:
        return False
    return value is None or value == FIXED[name]
