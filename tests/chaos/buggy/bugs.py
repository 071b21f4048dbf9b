"""Bugs that look harmless in a review; each is caught by the checker under some faults."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from queue import Queue
from typing import Any
from uuid import UUID, uuid4

from django.db import close_old_connections, connection, transaction

from conversations import turns
from conversations.errors import VersionConflict
from conversations.models import Conversation
from conversations.showing import entries, following
from conversations.stores import database, store_for
from conversations.stores.base import NewMessage, Snapshot
from conversations.turns import acceptance, outcomes

LATE = 0.8  # seconds


def acknowledge_before_commit() -> None:
    """The statement has succeeded, so the message is as good as stored."""

    def commit_later(answer: Queue[Any], *args: Any, **kwargs: Any) -> None:
        try:
            with transaction.atomic():
                answer.put(acceptance.accept(*args, **kwargs))
                time.sleep(LATE)
        except Exception as error:  # noqa: BLE001 - the caller raises it
            answer.put(error)
        finally:
            close_old_connections()

    def accept(*args: Any, **kwargs: Any) -> Any:
        answer: Queue[Any] = Queue()
        threading.Thread(target=commit_later, args=[answer, *args], kwargs=kwargs).start()
        if isinstance(accepted := answer.get(), Exception):
            raise accepted
        return accepted

    turns.accept = accept


def no_fence() -> None:
    """Whoever comes last may write."""
    database.check = lambda _fence: None
    fence = "state = 'running' AND claim_token = %(token)s::uuid END"
    assert fence in outcomes.CLOSE
    outcomes.CLOSE = outcomes.CLOSE.replace(fence, "TRUE END")


def no_idempotency_key() -> None:
    """Every frame is a new message."""
    enter = acceptance._enter

    def forgetful(request: acceptance.Request) -> Any:
        return Conversation.objects.get(pk=request.conversation_id)

    def anew(request: acceptance.Request, *args: Any) -> Any:
        return enter(replace(request, key=f"{request.key}#{uuid4()}"), *args)

    acceptance._look_up = forgetful
    acceptance._repeated = lambda *_args: None
    acceptance._enter = anew


def reply_outside_of_the_transaction() -> None:
    """The turn is ended, then its reply is stored; a lock keeps the next claim out meanwhile."""
    end, claim = turns.end, turns.claim

    def end_first(turn_id: UUID, outcome: turns.Outcome, *, token: UUID | None) -> Any:
        if not token or not outcome.messages:
            return end(turn_id, outcome, token=token)
        conversation = Conversation.objects.get(turn=turn_id)
        with alone(conversation.pk):
            ended = end(turn_id, replace(outcome, messages=()), token=token)
            if ended:
                store_reply(conversation, ended, outcome.messages)
        return ended

    def claim_alone(conversation_id: UUID, *args: Any, **kwargs: Any) -> Any:
        with alone(conversation_id):
            return claim(conversation_id, *args, **kwargs)

    turns.end, turns.claim = end_first, claim_alone


@contextmanager
def alone(conversation_id: UUID) -> Iterator[None]:
    """One process at a time; PostgreSQL frees the lock of a dead one."""
    key = [conversation_id.int % 2**62]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", key)
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", key)


def store_reply(
    conversation: Conversation, ended: turns.Ended, messages: Sequence[NewMessage]
) -> None:
    rolled_back = ended.state == "rolled_back"
    messages = [replace(one, retracted=one.retracted or rolled_back) for one in messages]
    snapshot = Snapshot(conversation.pk, ended.version)
    while True:
        try:
            store_for(conversation.agent).append(snapshot, messages)
            break
        except VersionConflict as conflict:
            snapshot = replace(snapshot, version=conflict.current)


def no_catch_up() -> None:
    """Group messages are believed to come, all of them and in order."""
    following.has_gap = entries.has_gap = lambda _expected, _entries: False
