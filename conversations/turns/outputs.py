"""What a client's own functions returned: from the input of a turn into the ledger, and to the model."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db.models.functions import Now

from conversations import protocol
from conversations.errors import InvalidValue, NotFound
from conversations.models import ToolCall, Turn

log = structlog.get_logger(__name__)
Item = dict[str, Any]


def of(items: Iterable[Item]) -> list[Item]:
    """Those of the items that are outputs."""
    return [item for item in items if item.get("type") == "function_call_output"]


def enter(conversation_id: UUID, owner_id: int, items: Iterable[Item]) -> None:
    """Answer the calls, in the transaction that accepts the items.

    Each can be answered once, unless `take_back` comes between. A fork goes on from calls of the
    conversation that it came from, any number of times. Raises `InvalidValue` where no call waits
    for an output.
    """
    for item in of(items):
        call = _call(item, turn__owner=owner_id)
        if call.turn.conversation_id == conversation_id and not _answer(call, item):
            raise InvalidValue("This function call has an output already.", param="input")


def _call(item: Item, **wanted: Any) -> ToolCall:
    calls = ToolCall.objects.filter(asks=ToolCall.Asks.CLIENT, **wanted).select_related("turn")
    try:
        turn, index = protocol.call(item["call_id"])
        return calls.get(turn=turn, item=index)
    except (NotFound, ToolCall.DoesNotExist):
        raise InvalidValue("No function call waits for this output.", param="input") from None


def _answer(call: ToolCall, item: Item) -> bool:
    waits = ToolCall.objects.filter(pk=call.pk, state=ToolCall.State.ASKED)
    given = {"returned": {"return_value": text_of(item["output"])}}
    done = ToolCall.State.DONE
    return bool(waits.update(state=done, result=given, answered=Now(), finished=Now()))


def take_back(turn: Turn) -> None:
    """Let the calls that the turn's input answers be answered again: no model will be told of it.

    In a transaction that holds the Conversation lock. A fork never answered the other's calls.
    """
    for item in of(turn.input):
        asker, index = protocol.call(item["call_id"])
        answered = ToolCall.objects.filter(
            asks=ToolCall.Asks.CLIENT,
            state=ToolCall.State.DONE,
            turn__conversation=turn.conversation_id,
            turn=asker,
            item=index,
        )
        answered.update(state=ToolCall.State.ASKED, result=None, answered=None, finished=None)


def returned(turn: Turn) -> list[dict[str, Any]]:
    """The outputs as parts of a pydantic-ai ModelRequest, under the ids that the model gave.

    A model takes no output without its call: where that was deleted after the turn was accepted,
    the output is told like words of a person, after those that have theirs.
    """
    parts = [_part(_standing(turn, item), item, turn.created) for item in of(turn.input)]
    return sorted(parts, key=lambda part: part["part_kind"] != "tool-return")


def _standing(turn: Turn, item: Item) -> ToolCall | None:
    """The call that an output answers; a fork has its own copy where the original was deleted."""
    try:
        return _call(item)
    except InvalidValue:
        call = _copied(turn, item)
        log.info("outputs.call_deleted", turn=str(turn.pk), has_copy=call is not None)
        return call


def _copied(turn: Turn, item: Item) -> ToolCall | None:
    """Of the response that a turn follows; a fork ends with its copy, so that is the newest."""
    answered, index = protocol.call(item["call_id"])
    if turn.request.get("previous_response_id") != protocol.response_id(answered):
        return None
    here = ToolCall.objects.filter(
        turn__conversation=turn.conversation_id, turn__number__lt=turn.number
    )
    return here.filter(asks=ToolCall.Asks.CLIENT, item=index).order_by("-turn__number").first()


def _part(call: ToolCall | None, item: Item, at: datetime) -> dict[str, Any]:
    said = {"content": text_of(item["output"]), "timestamp": at.isoformat()}
    if call is None:
        return {"part_kind": "user-prompt", **said}
    names = {"tool_name": call.tool, "tool_call_id": call.tool_call_id}
    return {"part_kind": "tool-return", **names, **said}


def text_of(output: str | list[Item]) -> str:
    """An output is a text, or a list of pieces of text."""
    if isinstance(output, str):
        return output
    return "\n\n".join(part["text"] for part in output if "text" in part)
