"""What staff do from the admin: cancel, requeue, export. Each leaves a line in the rows' history."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator

import structlog
from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from conversations import exports, hints, turns
from conversations.models import Conversation, Turn

log = structlog.get_logger(__name__)


def cancel(page: admin.ModelAdmin, request: HttpRequest, rows: QuerySet[Turn]) -> None:
    """End what is queued or waiting, ask what runs to stop."""
    states = Counter(_canceled(page, request, turn) for turn in rows)
    _tell(page, request, "Cancel", states)


def requeue(page: admin.ModelAdmin, request: HttpRequest, rows: QuerySet[Turn]) -> None:
    """Take what runs from its worker for another to run; wake a worker for what is queued."""
    states = Counter(_requeued(page, request, turn) for turn in rows)
    _tell(page, request, "Requeue", states)


def export(
    page: admin.ModelAdmin, request: HttpRequest, rows: QuerySet[Conversation]
) -> StreamingHttpResponse:
    """A download that is made while it is read, whatever the length of the conversations."""
    chosen = list(rows)
    for conversation in chosen:
        page.log_change(request, conversation, "Exported.")
        log.info(
            "conversation_exported",
            conversation=str(conversation.pk),
            user=request.user.pk,
            messages=conversation.next_message,
        )
    name = f"conv_{chosen[0].pk.hex}" if len(chosen) == 1 else "conversations"
    return StreamingHttpResponse(
        _streamed(request, exports.pieces(chosen)),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}.json"'},
    )


def _canceled(page: admin.ModelAdmin, request: HttpRequest, turn: Turn) -> str:
    state = turns.cancel(turn.pk)
    page.log_change(request, turn, "Cancel requested.")
    return "asked to stop" if state == Turn.State.RUNNING else state


def _requeued(page: admin.ModelAdmin, request: HttpRequest, turn: Turn) -> str:
    """What runs is handed back as its worker would do it: no crash is counted."""
    if turn.state == Turn.State.QUEUED:
        return "woken" if hints.wake(turn.conversation_id, turn.pool) else "not woken"
    if not (turn.claim_token and turns.hand_back(turn.pk, turn.claim_token)):
        return "left as it is"
    page.log_change(request, turn, "Requeued.")
    return "requeued"


def _tell(page: admin.ModelAdmin, request: HttpRequest, verb: str, states: Counter[str]) -> None:
    outcome = ", ".join(f"{count} {state}" for state, count in states.items())
    page.message_user(request, f"{verb}: {outcome or 'nothing to do'}.", messages.INFO)


def _streamed(request: HttpRequest, parts: Iterator[str]) -> Iterable[str] | AsyncIterator[str]:
    """Django reads a synchronous iterator to its end before it answers an ASGI server."""
    return _one_by_one(parts) if isinstance(request, ASGIRequest) else parts


async def _one_by_one(parts: Iterator[str]) -> AsyncIterator[str]:
    following = sync_to_async(lambda: next(parts, None))
    while (part := await following()) is not None:
        yield part
