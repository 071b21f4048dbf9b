"""Bugs that look harmless in a review; each is caught by the checker under some faults."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from django.db import close_old_connections, transaction

from conversations import consumers, following, turns
from conversations.ids import new_id
from conversations.models import Conversation, Turn
from conversations.stores import database
from conversations.stores.base import NewMessage
from conversations.turns import acceptance, outcomes

LATE = 0.3  # seconds


def acknowledge_before_commit() -> None:
    """The message is accepted "in a moment"."""
    promised = threading.local()

    def accept_later(identity: UUID, *args: Any, **kwargs: Any) -> None:
        promised.identity = identity
        try:
            acceptance.accept(*args, **kwargs)
        finally:
            close_old_connections()

    def accept(*args: Any, **kwargs: Any) -> SimpleNamespace:
        identity = new_id()
        threading.Timer(LATE, accept_later, [identity, *args], kwargs).start()
        turn = SimpleNamespace(pk=identity)
        return SimpleNamespace(turn=turn, position=0, repeated=True, ended=())

    acceptance.new_id = lambda: promised.identity
    consumers.turns = SimpleNamespace(**{**vars(turns), "accept": accept})


def no_fence() -> None:
    """Whoever comes last may write."""
    database.check = lambda _fence: None
    outcomes.CLOSE = outcomes.CLOSE.replace("claim_token = %(token)s::uuid END", "TRUE END")


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
    """The turn is completed in one commit, its reply is stored in the next."""
    write = outcomes._write

    def stored(conversation: Conversation, turn: Turn, messages: Sequence[NewMessage]) -> None:
        try:
            with transaction.atomic():
                conversation.refresh_from_db()
                write(conversation, turn, messages)
        finally:
            close_old_connections()

    def afterwards(conversation: Conversation, turn: Turn, messages: Sequence[NewMessage]) -> int:
        transaction.on_commit(threading.Timer(LATE, stored, [conversation, turn, messages]).start)
        return conversation.version

    outcomes._write = afterwards


def no_catch_up() -> None:
    """Group messages are believed to come, all of them and in order."""
    following._gap = lambda _expected, _entries: False
