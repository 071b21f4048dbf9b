"""Rows as the site writes them, for the admin to show."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.utils import timezone

from conversations.models import Conversation, Message, Turn

TABLES = ("conversation", "turn", "message", "toolcall")


def person(name: str, *permissions: str, **traits: Any):
    """A user; permissions as `view_turn`."""
    user = get_user_model().objects.create_user(name, password="secret", **traits)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def text(content: str) -> dict:
    return {"part_kind": "text", "content": content}


def prompt(content: Any) -> dict:
    return {"part_kind": "user-prompt", "content": content}


def turn_of(conversation: Conversation, state: str = "completed", **traits: Any) -> Turn:
    """The next turn of a conversation, without messages."""
    number = conversation.next_turn
    conversation.next_turn += 1
    conversation.open_turns += state in Turn.OPEN
    conversation.save()
    ended = timezone.now() if state in Turn.ENDED else None
    defaults = {
        "pool": "default",
        "input": [{"type": "message", "role": "user", "content": f"input {number}"}],
        "attempt": 0 if state == "queued" else 1,
        "hinted_at": timezone.now(),
        "finished": ended,
        "last_event": 9 if ended else None,
    }
    return Turn.objects.create(
        conversation=conversation,
        owner=conversation.owner,
        number=number,
        state=state,
        **{**defaults, **traits},
    )


def message_of(turn: Turn, *parts: dict, **traits: Any) -> Message:
    """The next message of a conversation."""
    conversation = turn.conversation
    number = conversation.next_message
    conversation.next_message += 1
    conversation.version += 1
    conversation.save()
    kind = "request" if parts[0]["part_kind"] in {"user-prompt", "tool-return"} else "response"
    defaults = {
        "attempt": 1,
        "step": number,
        "kind": kind,
        "payload": {"kind": kind, "parts": list(parts)},
    }
    return Message.objects.create(
        conversation=conversation, number=number, turn=turn, **{**defaults, **traits}
    )


def crowd(
    owner, *, conversations: int = 1_000, turns: int = 3, ended: datetime | None = None
) -> None:
    """Thousands of rows: each turn with two messages, one turn in a hundred failed."""
    parents = Conversation.objects.bulk_create(
        Conversation(owner=owner, agent="demo", title=f"Talk {n}", next_turn=turns)
        for n in range(conversations)
    )
    made = Turn.objects.bulk_create(
        Turn(
            conversation=parent,
            owner=owner,
            number=n,
            pool="default",
            input=[],
            state="failed" if (place * turns + n) % 100 == 0 else "completed",
            hinted_at=timezone.now(),
            finished=ended or timezone.now() + timedelta(seconds=1),
        )
        for place, parent in enumerate(parents)
        for n in range(turns)
    )
    Message.objects.bulk_create(
        Message(
            conversation_id=turn.conversation_id,
            turn=turn,
            number=turn.number * 2 + step,
            attempt=step,
            step=step,
            kind="response" if step else "request",
            payload={"parts": [text("hello")]},
        )
        for turn in made
        for step in range(2)
    )
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ANALYZE conversations_{table}")
