"""The ledger of tool calls: what was started is on disk before it has an effect."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from conversations.errors import Fenced
from conversations.models import ToolCall, Turn

# FOR SHARE holds up whoever wants to take the turn away until this is committed, and finds no row
# if somebody has: the newest version of the row is looked at after the wait.
HELD = """
WITH held AS (
    SELECT id FROM conversations_turn
    WHERE id = %(turn)s AND claim_token = %(token)s AND state = 'running' FOR SHARE
)
"""
START = (
    HELD
    + """
INSERT INTO conversations_toolcall
    (turn_id, step, tool_call_id, tool, arguments, state, started)
SELECT id, %(step)s, %(call)s, %(tool)s, %(arguments)s::jsonb, 'started', clock_timestamp()
FROM held
ON CONFLICT ON CONSTRAINT a_tool_call_is_started_once DO UPDATE
SET state = 'started', started = clock_timestamp()
WHERE conversations_toolcall.state = 'approved'
RETURNING *
"""
)
FINISH = (
    HELD
    + """
UPDATE conversations_toolcall AS call
SET state = 'done', result = %(result)s::jsonb, finished = clock_timestamp()
FROM held
WHERE call.turn_id = held.id AND step = %(step)s AND tool_call_id = %(call)s
RETURNING call.*
"""
)
# Only words for people: a claim that is lost in this very moment may still have said them.
PROGRESS = """
UPDATE conversations_toolcall AS call SET progress = %(progress)s::jsonb
FROM conversations_turn AS turn
WHERE turn.id = %(turn)s AND turn.claim_token = %(token)s
    AND call.turn_id = turn.id AND call.step = %(step)s AND call.tool_call_id = %(call)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call that others answer; `step` is that of the response that asks for it."""

    step: int
    call_id: str
    tool: str
    arguments: Any
    item: int  # output index of the call, by which it is answered
    asks: str = ToolCall.Asks.APPROVAL


def ask(turn: Turn, asked: Sequence[Asked]) -> None:
    """Enter calls that others answer, in the caller's transaction.

    A tool that asked only when it was called is in the ledger already.
    """
    ToolCall.objects.bulk_create(
        (
            ToolCall(
                turn=turn,
                step=call.step,
                tool_call_id=call.call_id,
                tool=call.tool,
                arguments=call.arguments,
                item=call.item,
                asks=call.asks,
                state=ToolCall.State.ASKED,
            )
            for call in asked
        ),
        update_conflicts=True,
        unique_fields=["turn", "step", "digest"],
        update_fields=["state", "asks", "item"],
    )


def start_tool(
    turn_id: UUID, token: UUID, step: int, call_id: str, *, tool: str, arguments: Any
) -> ToolCall:
    """Enter a call before its effect; `step` is that of the response that asks for it.

    Returns the new row, with `fresh` set, or the one of an earlier try: done with its result, or
    started with an outcome that nobody knows. Raises `Fenced` when the claim is lost.
    """
    values = {
        "turn": turn_id,
        "token": token,
        "step": step,
        "call": call_id,
        "tool": tool,
        "arguments": json.dumps(arguments),
    }
    for call in ToolCall.objects.raw(START, values):
        call.fresh = True
        return call
    found = ToolCall.objects.filter(
        turn=turn_id,
        turn__claim_token=token,
        turn__state=Turn.State.RUNNING,
        step=step,
        tool_call_id=call_id,
    ).first()
    if found is None:
        raise Fenced
    return found


def finish_tool(turn_id: UUID, token: UUID, step: int, call_id: str, result: Any) -> ToolCall:
    """Enter the result of a call. Raises `Fenced` when the claim is lost."""
    values = {
        "turn": turn_id,
        "token": token,
        "step": step,
        "call": call_id,
        "result": json.dumps(result),
    }
    for call in ToolCall.objects.raw(FINISH, values):
        return call
    raise Fenced


def note_progress(
    turn_id: UUID, token: UUID, step: int, call_id: str, progress: dict[str, Any]
) -> None:
    """Enter how far a call has come: `fraction` from 0 to 1 or None, and a `message`."""
    values: dict[str, str | int | UUID] = {
        "turn": turn_id,
        "token": token,
        "step": step,
        "call": call_id,
        "progress": json.dumps(progress),
    }
    with connection.cursor() as cursor:
        cursor.execute(PROGRESS, values)
