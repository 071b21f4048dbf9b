"""Every promise, checked exactly against rows, the provider's own log and what people saw."""

import asyncio
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.chaos import outside
from tests.chaos.arena import Arena
from tests.chaos.people import Person, Sent
from tests.chaos.records import MESSAGES, TURNS, MessageRow, TurnRow
from tests.system.tab import FINAL, Response, Tab

STATES = {"completed", "failed", "cancelled", "rolled_back"}
REPLAYED = 40  # turns; a snapshot is shown where more are asked for
ENDINGS = {"completed": "response.completed", "failed": "response.failed"}


class Checker:
    """Every check is a generator of what is wrong; `of` reads a running system."""

    arena: Arena

    def __init__(
        self,
        turns: Sequence[TurnRow],
        messages: Sequence[MessageRow],
        calls: Iterable[str],
        effects: Iterable[tuple[str, str]],
        people: Sequence[Person],
        *,
        faults: int,
    ) -> None:
        """`calls`: the prompts that the provider was paid for; `effects`: tools and keys."""
        self.turns, self.messages = turns, messages
        self.calls, self.effects = Counter(calls), Counter(effects)
        self.people, self.faults = people, faults
        self.by_key = defaultdict(list)
        for turn in self.turns:
            self.by_key[(turn.key or "").split("#")[0]].append(turn)  # a seeded bug adds to it
        self.of_turn = defaultdict(list)
        for message in self.messages:
            self.of_turn[message.turn].append(message)

    @classmethod
    def of(cls, arena: Arena, people: Sequence[Person], *, faults: int) -> "Checker":
        checker = cls(
            [TurnRow(*row) for row in arena.rows(TURNS)],
            [MessageRow(*row) for row in arena.rows(MESSAGES)],
            [one["prompt"] for one in lines(arena.calls)],
            [(one["tool"], one["key"]) for one in lines(arena.effects)],
            people,
            faults=faults,
        )
        checker.arena = arena
        return checker

    def lost(self) -> list[str]:
        """Responses that were promised and do not exist: no patience brings them back."""
        there = {turn.response for turn in self.turns}
        missing = [sent for sent in self.sent() if sent.response not in there]
        return [f"{sent.text}: accepted as {sent.response}, is lost" for sent in missing]

    def violations(self) -> list[str]:
        checks = [self.rows, self.counters, self.acknowledged, self.orders, self.outside]
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

    def outside(self) -> Iterator[str]:
        """What the provider and the tools' own records tell."""
        yield from outside.chains(self.turns, self.of_turn)
        yield from outside.paid(self.turns, self.calls, faults=self.faults)
        yield from outside.effects(self.turns, self.effects, faults=self.faults)

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
            yield from (f"{person.name}: {what}" for what in person.tab.broken)

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
            for queue in ("interactive", "default", "batch", "quarantine"):
                if waiting := client.llen(f"rq:queue:{queue}"):
                    yield f"{waiting} hints are left in {queue}"
            for own in client.scan_iter("agentsite:own:*"):
                yield f"{client.llen(own)} hints are left in {own!r}"
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        live = "SELECT count(*) FROM workers_workerprocess WHERE lease > now()"
        ((locks,),), ((workers,),) = self.arena.rows(held), self.arena.rows(live)
        if locks > workers + 1:  # a sweep holds one for a moment
            yield f"{locks} advisory locks of {workers} workers"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def replay_differs(person: Person) -> list[str]:
    """Ask for the whole conversation from the first turn's first event, and compare."""
    told = [sent.response for sent in person.sent if sent.response][-REPLAYED:]
    if not told:
        return []
    tab = Tab(person.conversation, person.tab.cookie, person.tab.ports[0])
    await tab.open(cursor={"response_id": told[0], "sequence_number": 0})
    try:
        async with asyncio.timeout(30):
            await tab.until(lambda: any(one["type"] in TOLD for one in tab.frames))
    finally:
        await tab.close()
    if tab.snapshot:
        return [f"{person.name}: no replay of {told[0]}"]
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
