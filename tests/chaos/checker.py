"""Every promise, checked exactly against rows, the provider's own log and what people saw."""

import asyncio
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.arena import Arena
from tests.chaos.people import Person, Sent
from tests.provider.script import chain
from tests.system.tab import FINAL, Response, Tab

STATES = {"completed", "failed", "cancelled", "rolled_back"}
ENDINGS = {"completed": "response.completed", "failed": "response.failed"}
TURNS = """
SELECT id, conversation_id, number, state, idempotency_key, attempt, crashes, last_event, input,
    cancel_requested
FROM conversations_turn ORDER BY conversation_id, number
"""
MESSAGES = """
SELECT conversation_id, turn_id, number, attempt, step, kind, payload, text, retracted
FROM conversations_message ORDER BY conversation_id, number
"""
# Rows of this table are moves that no promise allows.
AUDIT = """
CREATE TABLE audit (what text);
CREATE FUNCTION audit_version() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit VALUES (format('version %s -> %s', OLD.version, NEW.version)); RETURN NEW;
END $$;
CREATE TRIGGER audit_version AFTER UPDATE ON conversations_conversation FOR EACH ROW
    WHEN (NEW.version NOT IN (OLD.version, OLD.version + 1)) EXECUTE FUNCTION audit_version();
CREATE FUNCTION audit_state() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit VALUES (format('turn %s: %s -> %s', OLD.id, OLD.state, NEW.state));
    RETURN NEW;
END $$;
CREATE TRIGGER audit_state AFTER UPDATE ON conversations_turn FOR EACH ROW WHEN (
    OLD.state <> NEW.state AND (OLD.state IN ('completed', 'failed', 'cancelled', 'rolled_back')
    OR (OLD.state, NEW.state) = ('queued', 'completed'))
) EXECUTE FUNCTION audit_state();
CREATE FUNCTION audit_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit VALUES (format('message %s was rewritten', OLD.id)); RETURN NEW;
END $$;
CREATE TRIGGER audit_message AFTER UPDATE ON conversations_message FOR EACH ROW
    WHEN (NEW.payload <> OLD.payload OR NEW.number <> OLD.number) EXECUTE FUNCTION audit_message();
"""


@dataclass
class TurnRow:
    id: Any
    conversation: Any
    number: int
    state: str
    key: str | None
    attempt: int
    crashes: int
    last_event: int | None
    input: list[dict[str, Any]]
    cancel: str

    @property
    def response(self) -> str:
        return f"resp_{self.id.hex}"

    @property
    def prompt(self) -> str:
        content = self.input[0]["content"]
        return content if isinstance(content, str) else content[0]["text"]


@dataclass
class MessageRow:
    conversation: Any
    turn: Any
    number: int
    attempt: int
    step: int
    kind: str
    payload: dict[str, Any]
    text: str
    retracted: bool


def prepare(arena: Arena) -> None:
    """Before anybody talks: watch the moves that rows alone would not show."""
    arena.run(AUDIT)


class Checker:
    """Reads everything once; `violations` tells each promise that was not kept."""

    def __init__(self, arena: Arena, people: Sequence[Person], *, faults: int) -> None:
        self.arena, self.people, self.faults = arena, people, faults
        self.turns = [TurnRow(*row) for row in arena.rows(TURNS)]
        self.messages = [MessageRow(*row) for row in arena.rows(MESSAGES)]
        self.by_key = defaultdict(list)
        for turn in self.turns:
            self.by_key[(turn.key or "").split("#")[0]].append(turn)  # a seeded bug adds to it
        self.of_turn = defaultdict(list)
        for message in self.messages:
            self.of_turn[message.turn].append(message)
        self.calls = Counter(
            json.loads(line)["prompt"] for line in arena.calls.read_text().splitlines()
        )

    def violations(self) -> list[str]:
        checks = [self.rows, self.counters, self.acknowledged, self.orders, self.chains, self.paid]
        checks += [self.seen, self.leftovers]
        return [violation for check in checks for violation in check()]

    # --- Rows ---------------------------------------------------------------------------------

    def rows(self) -> Iterator[str]:
        """No forbidden move was made; every turn has one outcome."""
        yield from (what for (what,) in self.arena.rows("SELECT what FROM audit"))
        for turn in self.turns:
            if turn.state not in STATES or turn.last_event is None:
                yield f"{turn.key}: no outcome, {turn.state}"

    def counters(self) -> Iterator[str]:
        """Numbers without gaps, counters that agree with the rows."""
        found = self.arena.rows(
            "SELECT id, next_turn, next_message, open_turns FROM conversations_conversation"
        )
        for conversation, next_turn, next_message, open_turns in found:
            turns = [turn.number for turn in self.turns if turn.conversation == conversation]
            mine = [one.number for one in self.messages if one.conversation == conversation]
            if turns != list(range(next_turn)) or mine != list(range(next_message)):
                yield f"{conversation}: numbers have gaps: {turns} {mine}"
            if open_turns:
                yield f"{conversation}: {open_turns} open turns are counted"

    def acknowledged(self) -> Iterator[str]:
        """Every accepted message is there once, as the turn that was promised."""
        for sent in self.sent():
            turns = self.by_key[sent.key]
            if len(turns) != 1 or turns[0].response != sent.response:
                yield f"{sent.text}: accepted as {sent.response}, is {turns}"
                continue
            inputs = [one for one in self.of_turn[turns[0].id] if one.step == 0]
            if [one.text for one in inputs] != [sent.text]:
                yield f"{sent.text}: stands {len(inputs)} times in the transcript"

    def orders(self) -> Iterator[str]:
        """What one person sent one after the other stands in that order."""
        for person in self.people:
            numbers = [turn.number for sent in person.sent for turn in self.by_key[sent.key]]
            if numbers != sorted(numbers):
                yield f"{person.name}: order is {numbers}"

    def sent(self) -> Iterator[Sent]:
        for person in self.people:
            yield from (sent for sent in person.sent if sent.response)

    # --- The provider -------------------------------------------------------------------------

    def chains(self) -> Iterator[str]:
        """Every reply is the hash of exactly the history that stands before it."""
        histories: dict[Any, list[dict[str, str]]] = defaultdict(list)
        for turn in self.turns:
            history = histories[turn.conversation]
            visible = [one for one in self.of_turn[turn.id] if not one.retracted]
            for message in visible:
                if message.kind == "response":
                    expected = "".join(f"{link} " for link in chain(history))
                    if message.text != expected:
                        yield f"{turn.prompt}: {message.text!r} is not {expected!r}"
                role = "user" if message.kind == "request" else "assistant"
                history.append({"role": role, "content": message.text})
            if turn.state == "completed" and [one.kind for one in visible] != [
                "request",
                "response",
            ]:
                yield f"{turn.prompt}: completed with {[one.kind for one in visible]}"

    def paid(self) -> Iterator[str]:
        """One call for each attempt at most, one in all where nothing went wrong."""
        for turn in self.turns:
            most = turn.attempt if self.faults else 1
            if self.calls[turn.prompt] > most:
                yield f"{turn.prompt}: {self.calls[turn.prompt]} calls in {turn.attempt} attempts"
            if turn.state == "completed" and not self.calls[turn.prompt]:
                yield f"{turn.prompt}: completed without a call"

    # --- People -------------------------------------------------------------------------------

    def seen(self) -> Iterator[str]:
        """Every text is the stored one, character by character; numbers have no gap."""
        by_response = {turn.response: turn for turn in self.turns}
        for person in self.people:
            for response, seen in person.tab.responses.items():
                turn = by_response.get(response)
                if turn is None:
                    yield f"{person.name}: saw {response}, which does not exist"
                elif not seen.told:
                    yield from self.differs(turn, seen)

    def differs(self, turn: TurnRow, seen: Response) -> Iterator[str]:
        stored = "".join(one.text for one in self.of_turn[turn.id] if one.kind == "response")
        if seen.text != stored:
            yield f"{turn.prompt}: seen {seen.text!r}, stored {stored!r}"
        if seen.final != ENDINGS.get(turn.state, "response.incomplete"):
            yield f"{turn.prompt}: seen {seen.final}, is {turn.state}"
        if seen.numbers[-1] != turn.last_event:
            yield f"{turn.prompt}: last event {seen.numbers[-1]}, is {turn.last_event}"
        steps = zip(seen.numbers, seen.numbers[1:], strict=False)
        jumps = [after for before, after in steps if after != before + 1]
        if any(after % 2**20 for after in jumps) or (jumps and turn.attempt < 2):
            yield f"{turn.prompt}: numbers jump to {jumps}"

    async def replayed(self) -> list[str]:
        """A replay from rows shows the very events that people saw."""
        return [violation for person in self.people for violation in await replay_differs(person)]

    # --- What is left -------------------------------------------------------------------------

    def leftovers(self) -> Iterator[str]:
        """Every key expires, no lock is held but by the workers that live."""
        with self.arena.redis_client() as client:
            for key in client.scan_iter():
                if client.ttl(key) == -1 and not key.startswith(b"rq:"):
                    yield f"{key!r} never expires"
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        live = "SELECT count(*) FROM workers_workerprocess WHERE lease > now()"
        ((locks,),), ((workers,),) = self.arena.rows(held), self.arena.rows(live)
        if locks > workers + 1:  # a sweep holds one for a moment
            yield f"{locks} advisory locks of {workers} workers"


async def replay_differs(person: Person) -> list[str]:
    """Ask for the whole conversation from the first turn's first event, and compare."""
    first = next((sent.response for sent in person.sent if sent.response), None)
    if first is None:
        return []
    tab = Tab(person.conversation, person.tab.cookie, person.tab.ports[0])
    await tab.open(cursor={"response_id": first, "sequence_number": 0})
    try:
        async with asyncio.timeout(30):
            await tab.until(lambda: any(one["type"] in TOLD for one in tab.frames))
    finally:
        await tab.close()
    return list(compared(person, tab))


TOLD = {"agentsite:subscribed", "agentsite:snapshot"}


def compared(person: Person, tab: Tab) -> Iterator[str]:
    for response, again in tab.responses.items():
        if response not in person.tab.responses:
            continue
        events = {event["sequence_number"]: event for event in again.events}
        for event in person.tab.responses[response].events:
            replayed = events.get(event["sequence_number"])
            if event["sequence_number"] and replayed != event and not lost(event, again):
                yield f"{person.name}: {event} is replayed as {replayed}"


def lost(event: dict[str, Any], again: Response) -> bool:
    """What only a lost log knew: nothing stands between the gap and what was stored before it."""
    numbers = again.numbers
    gaps = [b for a, b in itertools.pairwise(numbers) if b != a + 1]
    return event["type"] not in FINAL and any(event["sequence_number"] < gap for gap in gaps)
