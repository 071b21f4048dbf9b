"""Transcripts that their clients carry, sealed; the server keeps nothing between two messages.

A jar is what a client has: by conversation, its newest state. In a request it holds the one state
that came with it, and afterwards the new one.
"""

import threading
import time
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import msgpack
from django.conf import settings

from conversations.errors import (
    InvalidState,
    InvalidValue,
    NotFound,
    StateExpired,
    TooLarge,
    VersionConflict,
)
from conversations.stores import seals
from conversations.stores.base import Fence, Keeps, Key, NewMessage, Snapshot, Store, Told
from conversations.stores.database import grown

FORMAT = 1  # goes up when older servers could not read the new
PURPOSE = "sealed.state"
NOBODY = 0  # no user has this id

Kept = tuple[Key, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is in a sealed state."""

    conversation: UUID
    agent: str
    version: int
    earlier: int = 0  # messages that were dropped because no model will be shown them again
    messages: tuple[Kept, ...] = ()
    expires: int = 0  # seconds since 1970; 0: not sealed yet


def sealed(state: State, owner_id: int) -> str:
    """The state as its client carries it, for another settings.SEALED_LIFETIME.

    Raises `TooLarge`.
    """
    messages = [[key.turn.bytes, key.attempt, key.step, payload] for key, payload in state.messages]
    expires = int(time.time()) + settings.SEALED_LIFETIME
    head = [FORMAT, state.conversation.bytes, state.agent, state.version, expires, state.earlier]
    token = seals.seal(msgpack.packb([*head, messages]), purpose=PURPOSE, owner_id=owner_id)
    if len(token) > settings.SEALED_STATE_LIMIT:
        raise TooLarge("This conversation has become too long; begin a new one.", param="state")
    return token


def opened(token: str, owner_id: int) -> State:
    """What a client brings back. Raises `InvalidState`, `StateExpired`, `TooLarge`."""
    if len(token) > settings.SEALED_STATE_LIMIT:
        limit = settings.SEALED_STATE_LIMIT
        raise TooLarge(f"A state has at most {limit} characters.", param="state")
    found = msgpack.unpackb(seals.unseal(token, purpose=PURPOSE, owner_id=owner_id))
    if found[0] != FORMAT:
        raise InvalidState
    _, conversation, agent, version, expires, earlier, messages = found
    if expires < time.time():
        raise StateExpired
    return State(
        conversation=UUID(bytes=conversation),
        agent=agent,
        version=version,
        expires=expires,
        earlier=earlier,
        messages=tuple(
            (Key(UUID(bytes=turn), attempt, step), payload)
            for turn, attempt, step, payload in messages
        ),
    )


@dataclass(frozen=True)
class SealedStore(Store):
    """The state is in the client's jar: compressed, encrypted, bound to its owner and purpose.

    Keeps what the model sees, and refuses what is damaged, foreign or expired. It survives every
    loss here, for nothing is here. It keeps no fence and no commit, for no row says who may write;
    nothing for ever (settings.SEALED_LIFETIME, or until a browser is cleared); not what was shown
    or withdrawn; and no one line: a client that kept an old state can go on from it, unless
    settings.SEALED_REGISTER (`stores.register`) refuses that.
    """

    jar: MutableMapping[UUID, str] | None = None
    owner_id: int = NOBODY
    agent: str = ""
    _one_writer: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    keeps = frozenset({Keeps.WITHOUT_REDIS})
    is_carried = True

    def create(self, handle: UUID) -> Snapshot:
        self._seal(State(conversation=handle, agent=self.agent, version=0))
        return Snapshot(handle, 0)

    def load(self, handle: UUID, *, newest: int = 0) -> Snapshot:
        state = self.opened(handle)
        payloads = [payload for _, payload in state.messages]
        shown = payloads[-newest:] if newest else payloads
        earlier = state.earlier + len(payloads) - len(shown)
        return Snapshot(handle, state.version, tuple(shown), earlier)

    def append(
        self, snapshot: Snapshot, messages: Sequence[NewMessage], *, fence: Fence | None = None
    ) -> Snapshot:
        with self._one_writer:
            state = self.opened(snapshot.handle)
            known = {key for key, _ in state.messages}
            if all(message.key in known for message in messages):
                return grown(snapshot, messages, version=state.version)
            self._check(state, snapshot)
            added = [(new.key, new.payload) for new in messages if not new.retracted]
            self._advance(state, (*state.messages, *added))
        return grown(snapshot, messages, version=state.version + 1)

    def retract(self, snapshot: Snapshot, turn: UUID) -> Snapshot:
        with self._one_writer:
            state = self.opened(snapshot.handle)
            self._check(state, snapshot)
            self._advance(state, tuple(kept for kept in state.messages if kept[0].turn != turn))
        return self.load(snapshot.handle)

    def fork(self, source: UUID, target: UUID, turns: Mapping[UUID, UUID]) -> None:
        copied = tuple(
            (replace(key, turn=turns[key.turn]), payload)
            for key, payload in self.opened(source).messages
            if key.turn in turns
        )
        self._advance(self.opened(target), copied)

    def shorten(self, handle: UUID, keep: int) -> None:
        """Let go of all but the newest messages; they stay counted."""
        state = self.opened(handle)
        dropped = len(state.messages) - keep
        self._seal(
            replace(state, earlier=state.earlier + dropped, messages=state.messages[dropped:])
        )

    def told(self, handle: UUID, turns: Collection[UUID]) -> Mapping[UUID, Sequence[Told]]:
        return {}

    def complete(self, handle: UUID, rows: Sequence[Any]) -> None:
        """There are none."""

    def delete(self, handle: UUID) -> None:
        self._jar.pop(handle, None)

    def extend(self, handle: UUID) -> None:
        self._seal(self.opened(handle))

    def opened(self, handle: UUID) -> State:
        """The state of a conversation. Raises `NotFound` where the client has none."""
        if handle not in self._jar:
            raise NotFound
        state = opened(self._jar[handle], self.owner_id)
        if state.conversation != handle or state.agent != self.agent:
            raise InvalidState
        return state

    @property
    def _jar(self) -> MutableMapping[UUID, str]:
        if self.jar is None:
            raise InvalidValue(
                "This agent's conversations are with its clients: POST /v1/agentsite/chat.",
                param="agent",
            )
        return self.jar

    @staticmethod
    def _check(state: State, snapshot: Snapshot) -> None:
        if state.version != snapshot.version:
            raise VersionConflict(current=state.version)

    def _advance(self, state: State, messages: tuple[Kept, ...]) -> None:
        self._seal(replace(state, version=state.version + 1, messages=messages))

    def _seal(self, state: State) -> None:
        self._jar[state.conversation] = sealed(state, self.owner_id)
