"""The log's scripts against a plain model, over any sequence of what can happen to a turn."""

import asyncio
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from conversations import streams
from conversations.errors import Fenced
from conversations.facts import TurnFacts
from conversations.streams import FIRST, Append, Writer
from conversations.traces import Entry, Kind, opening
from workers.redis import connections


@dataclass(frozen=True)
class Log:
    """The model: what a log is, without saying how it is kept."""

    token: UUID
    attempt: int
    next: int
    entries: tuple[Entry, ...]
    frames: tuple[tuple[Entry, ...], ...] = ()  # since the base, which forgets how it was sent
    is_of_this_run: bool = True
    has_stream: bool = True  # Redis may evict one key and keep the other


@dataclass
class Actor:
    """A claim, alive or a zombie: what it believes to have shown."""

    writer: Writer
    entries: list[Entry] = field(default_factory=list)
    next: int = 0
    frames: list[tuple[Entry, ...]] = field(default_factory=list)

    def compose(self, words: list[str]) -> tuple[Entry, ...]:
        """One frame: a new message with these words."""
        item = 1 + max((entry.item for entry in self.entries), default=-1)
        made = [Entry(self.next, Kind.OPEN_MESSAGE, item)]
        offset = 0
        for word in words:
            made.append(Entry(made[-1].following, Kind.TEXT, item, word, offset))
            offset += len(word)
        return tuple(made)

    def believe(self, frame: tuple[Entry, ...]) -> None:
        self.entries += frame
        self.frames.append(frame)
        self.next = frame[-1].following


actors = st.sampled_from([0, 0, 0, 1, 2])  # claims before the newest: mostly itself


class LogMachine(RuleBasedStateMachine):
    """Claims come and go; Redis forgets, or remembers something old."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__()
        self.client = client
        self.client.flushdb()
        self.loop = asyncio.Runner()
        self.facts = TurnFacts(uuid4(), uuid4(), "demo", 1)
        self.keys = [f"agentsite:{{{self.facts.id.hex}}}:{part}" for part in ("head", "log")]
        self.log: Log | None = None
        self.old: tuple[Log | None, list[bytes | None]] = (None, [None, None])
        self.actors: list[Actor] = []

    def teardown(self) -> None:
        self.loop.run(connections.close())
        self.loop.close()

    def actor(self, back: int) -> Actor:
        """The newest claim, or one that many before it."""
        return self.actors[max(0, len(self.actors) - 1 - back)]

    @initialize()
    def begin(self):
        self.claim(opens=True)

    @rule(opens=st.booleans())
    def claim(self, opens):
        """PostgreSQL gives the turn to a new claim."""
        self.actors.append(Actor(Writer(self.facts, uuid4(), len(self.actors) + 1)))
        if opens:
            self.open(0)

    @rule(back=actors)
    def open(self, back):
        actor = self.actor(back)
        writer, log = actor.writer, self.log
        is_new = log is None or not log.has_stream
        if log and log.attempt > writer.attempt:
            with pytest.raises(Fenced):
                self.loop.run(streams.open_log(writer))
            return
        opened = self.loop.run(streams.open_log(writer))
        lost = writer.attempt > 1 if log is None else not (log.is_of_this_run and log.has_stream)
        if is_new:
            log = Log(writer.token, writer.attempt, FIRST, opening(self.facts))
        following = max(log.next, writer.skipped_to) if lost else log.next
        assert opened == streams.Opened(following, log.entries, lost)
        self.log = replace(
            log, token=writer.token, attempt=writer.attempt, next=following, is_of_this_run=True
        )
        actor.entries, actor.next, actor.frames = list(opened.entries), following, []

    @rule(back=actors, words=st.lists(st.sampled_from(["a", "é", "😀👍"]), max_size=3))
    def append(self, back, words):
        actor = self.actor(back)
        if actor.next:
            frame = actor.compose(words)
            if self.send(actor, frame) is Append.OK:
                actor.believe(frame)
            elif actor is self.actors[-1]:  # PostgreSQL says that it may
                self.restore(0)

    @rule(back=actors, age=st.integers(1, 3), changed=st.booleans())
    def append_again(self, back, age, changed):
        """The reply to an earlier append was lost, or a packet was late, or a writer is broken."""
        actor = self.actor(back)
        if len(actor.frames) >= age:
            frame = actor.frames[-age]
            other = replace(frame[0], item=frame[0].item + 100)
            self.send(actor, (other, *frame[1:]) if changed else frame)

    def send(self, actor: Actor, frame: tuple[Entry, ...]) -> Append:
        status = self.loop.run(streams.append(actor.writer, frame))
        assert status is self.expected(actor.writer, frame)
        if status is Append.OK:
            self.log = replace(
                self.log,
                next=frame[-1].following,
                entries=(*self.log.entries, *frame),
                frames=(*self.log.frames, frame),
            )
        return status

    def expected(self, writer: Writer, frame: tuple[Entry, ...]) -> Append:
        log = self.log
        if log is None or not log.is_of_this_run:
            return Append.LOST
        if log.token != writer.token:
            return Append.FENCED
        if not log.has_stream:
            return Append.LOST
        if frame[0].number == log.next:
            return Append.OK
        return Append.DUPLICATE if frame in self.sent_by(writer) else Append.LOST

    def sent_by(self, writer: Writer) -> tuple[tuple[Entry, ...], ...]:
        actor = next(actor for actor in self.actors if actor.writer == writer)
        return tuple(frame for frame in self.log.frames if frame in actor.frames)

    @rule(back=actors)
    def restore(self, back):
        """A claim that PostgreSQL confirmed a moment ago writes its log again."""
        actor = self.actor(back)
        if not actor.next:
            return
        call = streams.restore(actor.writer, actor.entries, actor.next)
        if self.log and self.log.attempt > actor.writer.attempt:
            with pytest.raises(Fenced):
                self.loop.run(call)
            return
        self.loop.run(call)
        writer = actor.writer
        self.log = Log(writer.token, writer.attempt, actor.next, tuple(actor.entries))
        actor.frames = []

    @rule(back=actors)
    def rebase(self, back):
        actor = self.actor(back)
        if not actor.entries:
            return
        taken = self.loop.run(streams.rebase(actor.writer, actor.entries))
        log = self.log
        whole = actor.entries[-1].following
        assert taken == (log is not None and (log.token, log.next) == (actor.writer.token, whole))
        if taken:
            assert log.entries == tuple(actor.entries)
            self.log = replace(log, frames=())

    @rule(what=st.sampled_from(["all", "head", "log"]))
    def forget(self, what):
        """Redis comes back empty, or was short of memory."""
        self.client.delete(*(self.keys if what == "all" else [self.keys[what == "log"]]))
        if self.log and what == "log":
            self.log = replace(self.log, has_stream=False)
        else:
            self.log = None
        self.append(0, ["then"])

    @rule()
    def save(self):
        self.old = self.log, [self.client.dump(key) for key in self.keys]

    @rule()
    def restart(self):
        """Redis comes back with what it saved last; its next run has another id."""
        self.client.flushdb()
        self.log, dumps = self.old
        for key, dump in zip(self.keys, dumps, strict=True):
            if dump:
                self.client.restore(key, 60_000, dump)
        if self.log:
            self.log = replace(self.log, is_of_this_run=False)
            self.client.hset(self.keys[0], "run", "older")
            self.old = self.log, [self.client.dump(key) for key in self.keys]

    @rule(back=st.integers(0, 9))
    def read(self, back):
        """A client has seen all, or nearly all, or nothing."""
        after = max(-1, self.log.next - 1 - back) if self.log and back < 9 else -1
        found = self.loop.run(streams.read(self.facts, after))
        assert (found is None) == (self.log is None or not self.log.has_stream)
        if found:
            unseen = [entry for entry in self.log.entries if entry.following > after + 1]
            assert list(found.entries) == unseen
            told = (found.token, found.attempt, found.next)
            assert told == (self.log.token, self.log.attempt, self.log.next)

    @invariant()
    def every_key_expires(self):
        assert -1 not in [self.client.ttl(key) for key in self.keys]


def test_the_scripts_do_what_the_model_does(redis_client):
    run(
        lambda: LogMachine(redis_client),
        settings=settings(
            max_examples=250,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
