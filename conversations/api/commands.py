"""What a program may send over the websocket `/v1/responses`; all else is refused by a typed error.

`response.create` has the fields of `POST /v1/responses`, except those of its transport.
"""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StringConstraints, Tag, ValidationError

from conversations.api import bodies
from conversations.api.errors import invalid
from conversations.api.said import EITHER, Id, Strict, UserMessage
from conversations.api.schemas import CreateResponse
from conversations.errors import ConversationError, InvalidFrame, MissingField, UnknownType

NOT_HERE = ("stream", "stream_options", "background")  # HTTP's own
StreamId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,256}$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class InvalidStreamId(InvalidFrame):
    """A stream_id has 1 to 256 ASCII letters, digits, underscores, hyphens or periods."""

    code = "invalid_stream_id"


class NotOverWebsocket(InvalidFrame):
    """This parameter is one of HTTP; events are streamed here in any case."""

    code = "unsupported_parameter"


class Create(CreateResponse):
    """A request for a response on a lane."""

    type: Literal["response.create"]
    stream_id: StreamId | None = None
    generate: Literal[True] | None = None
    idempotency_key: Key | None = None  # ours: what names the request, as HTTP's header does


class Steer(Strict):
    """More input for a response that is being made."""

    type: Literal["response.steer"]
    previous_response_id: Id
    input: Annotated[
        Annotated[str, StringConstraints(min_length=1), Tag("<text>")]
        | Annotated[list[UserMessage], Field(min_length=1, max_length=100), Tag("<list>")],
        EITHER,
    ]

    @property
    def items(self) -> list[dict[str, Any]]:
        """The input as `Turn.input` keeps it."""
        if isinstance(self.input, str):
            return [UserMessage(role="user", content=self.input).as_item()]
        return [item.as_item() for item in self.input]


Command = TypeVar("Command", bound=Strict)


def parsed(text: str) -> dict[str, Any]:
    """The object in a frame, with a type that is known. Raises `errors.InvalidFrame`."""
    frame = bodies.parsed(text.encode(errors="surrogatepass"))
    if "type" not in frame:
        raise MissingField(param="type")
    if frame["type"] not in ("response.create", "response.steer"):
        raise UnknownType(param="type")
    return frame


def create(frame: dict[str, Any]) -> Create:
    """Raises `errors.InvalidFrame`."""
    for name in NOT_HERE:
        if frame.get(name) is not None:
            raise NotOverWebsocket(param=name)
    return _validated(Create, frame)


def steer(frame: dict[str, Any]) -> Steer:
    """Raises `errors.InvalidFrame`."""
    return _validated(Steer, frame)


def lane_of(frame: dict[str, Any]) -> str | None:
    """The lane that an answer to a frame belongs to, if it names one that can be."""
    try:
        return Lane(stream_id=frame.get("stream_id")).stream_id
    except ValidationError:
        return None


class Lane(Strict):
    """Of any frame, only where its answer goes."""

    stream_id: StreamId | None = None


def _validated(kind: type[Command], frame: dict[str, Any]) -> Command:
    try:
        return kind.model_validate(frame)
    except ValidationError as error:
        raise _told(error) from None


def _told(error: ValidationError) -> ConversationError:
    found = error.errors(include_context=False, include_input=False, include_url=False)
    if found[0]["loc"] == ("stream_id",) and found[0]["type"] != "missing":
        return InvalidStreamId(param="stream_id")
    return invalid([dict(one) for one in found])
