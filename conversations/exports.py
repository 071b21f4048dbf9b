"""Whole conversations as JSON, in pieces of bounded size; docs/admin.md shows the shape."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.utils import timezone

from conversations.models import Conversation, Message, ToolCall, Turn
from conversations.stores import store_for
from conversations.stores.base import Store

BATCH = 200  # rows in one query and one piece; nothing is held open between two
FORMAT = 1  # goes up when a reader of the old shape could not read the new


def pieces(conversations: Iterable[Conversation]) -> Iterator[str]:
    """One JSON document that holds these conversations, each up to its present end."""
    head = {"object": "agentsite.export", "format": FORMAT, "exported_at": timezone.now()}
    yield f'{_unclosed(head)}, "data": ['
    for number, conversation in enumerate(conversations):
        yield ",\n" if number else "\n"
        yield from _conversation(conversation)
    yield "\n]}\n"


def _conversation(conversation: Conversation) -> Iterator[str]:
    """Numbers end where the row says, so a turn that runs meanwhile is not cut in half."""
    turns = Turn.objects.filter(conversation=conversation, number__lt=conversation.next_turn)
    messages = Message.objects.filter(
        conversation=conversation, number__lt=conversation.next_message
    )
    yield f'{_unclosed(_facts(conversation))}, "turns": ['
    yield from _joined(_with_calls(batch) for batch in _batches(turns))
    yield '], "messages": ['
    store = store_for(conversation.agent)
    for_batch = (_completed(store, conversation, batch) for batch in _batches(messages))
    yield from _joined(map(_message, batch) for batch in for_batch)
    yield "]}"


def _completed(store: Store, conversation: Conversation, batch: list[Message]) -> list[Message]:
    """With what is kept elsewhere; payload is null where that is gone."""
    store.complete(conversation.pk, batch)
    return batch


def _batches(rows: QuerySet) -> Iterator[list[Any]]:
    last = -1
    while batch := list(rows.filter(number__gt=last).order_by("number")[:BATCH]):
        yield batch
        last = batch[-1].number


def _joined(batches: Iterable[Iterable[dict]]) -> Iterator[str]:
    comma = ""
    for batch in batches:
        yield comma + ",\n".join(map(_dump, batch))
        comma = ",\n"


def _unclosed(facts: dict) -> str:
    """A JSON object to which more is added."""
    return _dump(facts).removesuffix("}")


def _dump(value: dict) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _facts(conversation: Conversation) -> dict:
    parent = conversation.parent_id
    return {
        "id": f"conv_{conversation.pk.hex}",
        "object": "conversation",
        "owner": conversation.owner.get_username(),
        "agent": conversation.agent,
        "title": conversation.title,
        "version": conversation.version,
        "policy": conversation.policy,
        "parent": f"conv_{parent.hex}" if parent else None,
        "metadata": conversation.metadata,
        "created_at": conversation.created,
        "updated_at": conversation.updated,
    }


def _with_calls(turns: list[Turn]) -> list[dict]:
    calls: dict[UUID, list[dict]] = defaultdict(list)
    for call in ToolCall.objects.filter(turn__in=turns).order_by("step", "pk"):
        calls[call.turn_id].append(_call(call))
    return [{**_turn(turn), "tool_calls": calls[turn.pk]} for turn in turns]


def _turn(turn: Turn) -> dict:
    return {
        "id": f"resp_{turn.pk.hex}",
        "object": "response",
        "number": turn.number,
        "status": turn.state,
        "policy": turn.policy,
        "pool": turn.pool,
        "attempts": turn.attempt,
        "crashes": turn.crashes,
        "worker": turn.worker_name,
        "created_at": turn.created,
        "started_at": turn.started,
        "first_token_at": turn.first_token,
        "finished_at": turn.finished,
        "last_sequence_number": turn.last_event,
        "error": turn.error,
        "notices": turn.notices,
        "usage": turn.usage,
        "input": turn.input,
    }


def _call(call: ToolCall) -> dict:
    return {
        "call_id": call.tool_call_id,
        "step": call.step,
        "name": call.tool,
        "arguments": call.arguments,
        "status": call.state,
        "output": call.result,
        "started_at": call.started,
        "finished_at": call.finished,
    }


def _message(message: Message) -> dict:
    return {
        "number": message.number,
        "response_id": f"resp_{message.turn_id.hex}",
        "attempt": message.attempt,
        "step": message.step,
        "kind": message.kind,
        "retracted": message.retracted,
        "created_at": message.created,
        "text": message.text,
        "payload": message.payload,
        "trace": message.trace,
    }
