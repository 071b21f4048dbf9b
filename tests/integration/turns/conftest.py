"""Turns are tested on the store of record, unless a test asks for `any_store`."""

import json

import pytest

from conversations import turns
from conversations.models import Turn
from conversations.stores import store
from conversations.stores.base import Fence, Key, NewMessage, Snapshot


@pytest.fixture(autouse=True)
def _database_store(settings):
    settings.STORE_DEFAULT = "database"


@pytest.fixture(params=["database", "redis"])
def any_store(request, settings, redis_client):
    """For what must hold wherever the contents are: a row that says all, and bare ones."""
    settings.STORE_DEFAULT = request.param


@pytest.fixture
def redis_store(settings, redis_client):
    settings.STORE_DEFAULT = "redis"
    return redis_client


@pytest.fixture
def say(conversation, owner):
    """Accepts a message; gives what was accepted."""

    def said(text="Hello", **options):
        items = [{"type": "message", "role": "user", "content": text}]
        return turns.accept(conversation.id, owner.id, items, **options)

    return said


@pytest.fixture
def claim(conversation, worker_row):
    return lambda **options: turns.claim(
        conversation.id, worker_row.id, **{"pool": "default", **options}
    )


@pytest.fixture
def finish():
    """A worker brings its claim to an end; gives how it ended."""

    def finished(claim, state=Turn.State.COMPLETED, **facts):
        outcome = turns.Outcome(state=state, **facts)
        return turns.end(claim.turn_id, outcome, token=claim.token)

    return finished


@pytest.fixture
def append(conversation):
    """Stores what a claim says; gives the snapshot after it."""

    def appended(claim, messages):
        return turns.checkpoint(
            store("database"),
            Snapshot(conversation.id, claim.version),
            messages,
            fence=Fence(claim.turn_id, claim.token),
        )

    return appended


def answer(claim: turns.Claim, text: str = "Hi", *, retracted: bool = False) -> NewMessage:
    """The next thing that the model says in this claim."""
    part = {"part_kind": "text", "content": text}
    return NewMessage(
        key=Key(claim.turn_id, claim.attempt, claim.next_step),
        kind="response",
        payload=json.dumps({"kind": "response", "parts": [part]}),
        retracted=retracted,
    )
