"""What a client's own functions returned: from the input of a turn into the ledger, and to the model."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db.models import Q, QuerySet, Subquery
from django.db.models.functions import Now

from conversations import protocol
from conversations.errors import InvalidValue, NotFound
from conversations.models import Message, ToolCall, Turn

log = structlog.get_logger(__name__)
Item = dict[str, Any]


def of(items: Iterable[Item]) -> list[Item]:
    """Those of the items that are outputs."""
    return [item for item in items if item.get("type") == "function_call_output"]


def addressed(conversation_id: UUID, owner_id: int, items: Iterable[Item]) -> list[Item]:
    """The items, with each output under the id of this conversation's call.

    Calls that came with them, in a past of the client's own, are known by the ids that it gave. A
    fork has copies of the calls of the conversation that it came from; clients may go on by the
    ids that they were given there. Raises `InvalidValue` where the conversation has no such call.
    """
    return [_addressed(conversation_id, owner_id, item) if of([item]) else item for item in items]


def _addressed(conversation_id: UUID, owner_id: int, item: Item) -> Item:
    call = _brought(conversation_id, item) or _named(conversation_id, owner_id, item)
    assert call.item is not None, "a call that is left to a client has its place"
    return {**item, "call_id": protocol.call_id(call.turn_id, call.item)}


def _brought(conversation_id: UUID, item: Item) -> ToolCall | None:
    """The call of a past that came with the output: nothing can have come between."""
    turns = Turn.objects.filter(conversation=conversation_id).order_by("-number")
    calls = ToolCall.objects.filter(turn=Subquery(turns.values("pk")[:1]), turn__attempt=0)
    return calls.filter(tool_call_id=item["call_id"]).first()


def _named(conversation_id: UUID, owner_id: int, item: Item) -> ToolCall:
    try:
        turn, index = protocol.call(item["call_id"])
        named = Turn.objects.get(pk=turn, owner=owner_id)
        is_here = named.conversation_id == conversation_id
        # a copy keeps the token of the claim that made the original
        copied = Q(turn__claim_token=named.claim_token, turn__attempt__gt=0)
        return _calls(conversation_id, index).get(Q(turn=named) if is_here else copied)
    except (NotFound, Turn.DoesNotExist, ToolCall.DoesNotExist):
        raise InvalidValue("No function call waits for this output.", param="input") from None


def enter(conversation_id: UUID, items: Iterable[Item]) -> None:
    """Answer the calls, in the transaction that accepts the items, as `addressed` gave them.

    Each can be answered once, unless `take_back` comes between. Raises `InvalidValue`.
    """
    for item in of(items):
        call = _call(conversation_id, item)
        if call is None or not _answer(call, item):
            raise InvalidValue("This function call has an output already.", param="input")


def _calls(conversation_id: UUID, index: int) -> QuerySet[ToolCall]:
    """Those of a conversation that stand at this place of their responses."""
    return ToolCall.objects.filter(
        turn__conversation=conversation_id, asks=ToolCall.Asks.CLIENT, item=index
    )


def _call(conversation_id: UUID, item: Item) -> ToolCall | None:
    """The call of this conversation that an output names."""
    turn, index = protocol.call(item["call_id"])
    return _calls(conversation_id, index).filter(turn=turn).first()


def _answer(call: ToolCall, item: Item) -> bool:
    waits = ToolCall.objects.filter(pk=call.pk, state=ToolCall.State.ASKED)
    given = {"returned": {"return_value": text_of(item["output"])}}
    done = ToolCall.State.DONE
    return bool(waits.update(state=done, result=given, answered=Now(), finished=Now()))


def take_back(turn: Turn) -> None:
    """Let the calls that the turn's input answers be answered again: no model will be told of it.

    In a transaction that holds the Conversation lock.
    """
    for item in of(turn.input):
        with suppress(InvalidValue):  # it was deleted
            [own] = addressed(turn.conversation_id, turn.owner_id, [item])
            asker, index = protocol.call(own["call_id"])
            calls = _calls(turn.conversation_id, index).filter(turn=asker)
            answered = calls.filter(state=ToolCall.State.DONE)
            answered.update(state=ToolCall.State.ASKED, result=None, answered=None, finished=None)


def returned(turn: Turn) -> list[dict[str, Any]]:
    """The outputs as parts of a pydantic-ai ModelRequest, under the ids that the model gave.

    A model takes the outputs of its last response alone, and no output without its call. One that
    comes after somebody has spoken, or after the output of another call of that response, is told
    like words of a person, after those that have theirs: the model was told by then that the call
    was not made.
    """
    given = of(turn.input)
    asker = _followed(turn) if given else None
    parts = [_part(_standing(turn, item, asker), item, turn.created) for item in given]
    return sorted(parts, key=lambda part: part["part_kind"] != "tool-return")


def _followed(turn: Turn) -> UUID | None:
    """The turn that the model was told of last, before this one enters."""
    told = Message.objects.filter(conversation=turn.conversation_id, retracted=False)
    return told.order_by("-number").values_list("turn", flat=True).first()


def _standing(turn: Turn, item: Item, asker: UUID | None) -> ToolCall | None:
    """The call that an output answers where it stands."""
    call = _call(turn.conversation_id, item)
    if call is None or call.turn_id != asker:
        log.info("outputs.call_passed", turn=str(turn.pk))
        return None
    return call


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
