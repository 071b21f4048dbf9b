"""What /v1/ answers, for its OpenAPI document; `protocol` makes the objects themselves."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from conversations.models import Policy
from conversations.protocol import STATUS
from conversations.protocol.responses import REASONS


class Open(BaseModel):
    """Has at least these fields."""

    model_config = ConfigDict(extra="allow")


class Reason(Open):
    """What went wrong."""

    message: str
    type: Literal[
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "rate_limit_error",
        "server_error",
    ]
    param: str | None = Field(description="The parameter that it is about")
    code: str | None


class Problem(Open):
    """An error."""

    error: Reason


class Ref(Open):
    """A conversation by its id."""

    id: str


class Incomplete(Open):
    """Why a response is incomplete."""

    reason: Literal[tuple(sorted(REASONS.values()))]  # type: ignore[valid-type]


class Response(Open):
    """A response object of Open Responses: a turn as it is now."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal[tuple(sorted({*STATUS.values(), "incomplete"}))]  # type: ignore[valid-type]
    incomplete_details: Incomplete | None
    model: str
    output: list[dict[str, Any]]
    error: dict[str, Any] | None
    usage: dict[str, Any] | None
    previous_response_id: str | None
    conversation: Ref | None
    tools: list[dict[str, Any]]
    metadata: dict[str, str]
    temperature: float = Field(description="1 where the request sets none")
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    parallel_tool_calls: bool
    max_output_tokens: int | None
    service_tier: Literal["default", "flex", "priority"]
    store: bool
    background: bool
    agentsite_notices: list[str] = Field(
        default=[], description="What is to be known beside the answer; left out where nothing is"
    )


class Conversation(Open):
    """A conversation without what was said."""

    id: str
    object: Literal["conversation"]
    created_at: int
    metadata: dict[str, Any]
    agentsite_version: int = Field(description="For expected_version")
    agentsite_policy: Policy = Field(description="Of responses that name none")


class Item(Open):
    """A message, a call of a function, or what that returned."""

    id: str
    type: Literal["message", "function_call", "function_call_output"]
    status: Literal["in_progress", "completed", "incomplete"]


class Items(Open):
    """A page of items."""

    object: Literal["list"]
    data: list[Item]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Model(Open):
    """An agent."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class Models(Open):
    """Every agent."""

    object: Literal["list"]
    data: list[Model]


class Chat(Open):
    """The answer to a message, and the state that the next one follows on from."""

    id: str
    object: Literal["agentsite.chat"]
    created_at: int
    status: Literal["completed", "incomplete"]
    model: str
    output: list[dict[str, Any]]
    usage: dict[str, Any] | None
    state: str
    version: int
    expires_at: int


class Deleted(Open):
    """What was deleted."""

    id: str
    object: Literal["response", "conversation.deleted"]
    deleted: Literal[True]


PROBLEMS = (400, 401, 403, 404, 408, 409, 410, 413, 429, 500, 503)


def answers(model: type[BaseModel], *more: int) -> dict[Any, type[BaseModel]]:
    """What an operation answers, by status; what goes wrong there alone has these statuses."""
    return {200: model, (*PROBLEMS, *more): Problem}


# What an operation also answers where events are asked for.
STREAM = {
    "responses": {
        200: {
            "content": {
                "text/event-stream": {
                    "schema": {
                        "type": "string",
                        "description": "Events of Open Responses, then `data: [DONE]`",
                    }
                }
            }
        }
    }
}
# What a request may also say in its headers.
KEYED = {
    "parameters": [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            "description": "Sent again with the same body, it is the same response",
        }
    ]
}
