"""What a client's own functions returned: from the input of a turn into the ledger, and to the model.

A call has two ids. Under the site's own, `protocol.call_id` of its turn and its place there, clients
are shown it, and `Turn.input` keeps what it returned. Under the other, `ToolCall.tool_call_id`, the
model knows it: the one that the model gave it, or the client with a past that it brought along.
"""

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
    """The items, with each output under the site's id of a call in this conversation.

    Clients may name a call by the id that they gave it in the past that came along, or in a fork
    by the id that it has in the original. Raises `InvalidValue` where there is no such call.
    """
    return [_addressed(conversation_id, owner_id, item) if of([item]) else item for item in items]


def _addressed(conversation_id: UUID, owner_id: int, item: Item) -> Item:
    call = _by_its_id(conversation_id, item) or _by_ours(conversation_id, owner_id, item)
    assert call.item is not None, "a call that is left to a client has its place"
    return {**item, "call_id": protocol.call_id(call.turn_id, call.item)}


def _by_its_id(conversation_id: UUID, item: Item) -> ToolCall | None:
    """The call of the past that came with the output: nothing can have come between."""
    turns = Turn.objects.filter(conversation=conversation_id).order_by("-number")
    calls = ToolCall.objects.filter(turn=Subquery(turns.values("pk")[:1]), turn__attempt=0)
    return calls.filter(tool_call_id=item["call_id"]).first()


def _by_ours(conversation_id: UUID, owner_id: int, item: Item) -> ToolCall:
    """The call of the site's id, or its copy if that is the original's in a fork."""
    try:
        turn, index = protocol.call(item["call_id"])
        named = Turn.objects.get(pk=turn, owner=owner_id)
        is_here = named.conversation_id == conversation_id
        # a copy keeps the token of the claim that made the original
        copied = Q(turn__claim_token=named.claim_token, turn__attempt__gt=0)
        return _at(conversation_id, index).get(Q(turn=named) if is_here else copied)
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


def _at(conversation_id: UUID, index: int) -> QuerySet[ToolCall]:
    """The calls of a conversation that stand at this place of their turns."""
    return ToolCall.objects.filter(
        turn__conversation=conversation_id, asks=ToolCall.Asks.CLIENT, item=index
    )


def _call(conversation_id: UUID, item: Item) -> ToolCall | None:
    """The call of this conversation that a kept output names."""
    turn, index = protocol.call(item["call_id"])
    return _at(conversation_id, index).filter(turn=turn).first()


def _answer(call: ToolCall, item: Item) -> bool:
    waits = ToolCall.objects.filter(pk=call.pk, state=ToolCall.State.ASKED)
    given = {"returned": {"return_value": text(item)}}
    done = ToolCall.State.DONE
    return bool(waits.update(state=done, result=given, answered=Now(), finished=Now()))


def take_back(turn: Turn) -> None:
    """Let the calls that the turn's input answers be answered again: no model will be told of it.

    In a transaction that holds the Conversation lock.
    """
    for item in of(turn.input):
        with suppress(InvalidValue):  # it was deleted
            call = _by_ours(turn.conversation_id, turn.owner_id, item)  # a fork kept the original's
            answered = ToolCall.objects.filter(pk=call.pk, state=ToolCall.State.DONE)
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
    said = {"content": text(item), "timestamp": at.isoformat()}
    if call is None:
        return {"part_kind": "user-prompt", **said}
    names = {"tool_name": call.tool, "tool_call_id": call.tool_call_id}
    return {"part_kind": "tool-return", **names, **said}


def text(item: Item) -> str:
    """What a function returned: its output is a text, or a list of pieces of text."""
    output: str | list[Item] = item["output"]
    if isinstance(output, str):
        return output
    return "\n\n".join(part["text"] for part in output if "text" in part)
