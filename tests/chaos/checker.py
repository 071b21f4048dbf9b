"""Every promise, checked exactly against rows, the provider's own log and what people saw."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.chaos import leftovers, outcomes, outside, seen
from tests.chaos.arena import Arena
from tests.chaos.people import Person, Sent
from tests.chaos.records import MESSAGES, TURNS, MessageRow, Span, TurnRow
from tests.chaos.replaying import replay_differs


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
        lost_logs: int = 0,
        frozen: Sequence[Span] = (),
    ) -> None:
        """`calls`: the prompts that the provider was paid for; `effects`: tools and keys.

        `faults`: that can have cut a running turn off; `lost_logs`: how often Redis forgot all;
        `frozen`: when workers stood still.
        """
        self.turns, self.messages = turns, messages
        self.calls, self.effects = Counter(calls), Counter(effects)
        self.people, self.faults, self.lost_logs = people, faults, lost_logs
        self.frozen = frozen
        self.sent_as = {sent.key: sent for person in people for sent in person.sent}
        self.by_key = defaultdict(list)
        for turn in self.turns:
            turn.key = (turn.key or "").split("#")[0]  # a seeded bug adds to it
            self.by_key[turn.key].append(turn)
        self.of_turn = defaultdict(list)
        for message in self.messages:
            self.of_turn[message.turn].append(message)

    @classmethod
    def of(cls, arena: Arena, people: Sequence[Person], *, faults: int, **more: Any) -> "Checker":
        checker = cls(
            [TurnRow(*row) for row in arena.rows(TURNS)],
            [MessageRow(*row) for row in arena.rows(MESSAGES)],
            [one["prompt"] for one in lines(arena.calls)],
            [(one["tool"], one["key"]) for one in lines(arena.effects)],
            people,
            faults=faults,
            **more,
        )
        checker.arena = arena
        return checker

    def lost(self) -> list[str]:
        """Responses that were promised and do not exist: no patience brings them back."""
        there = {turn.response for turn in self.turns}
        missing = [sent for sent in self.sent() if sent.response not in there]
        return [f"{sent.text}: accepted as {sent.response}, is lost" for sent in missing]

    def violations(self) -> list[str]:
        checks = [self.rows, self.counters, self.acknowledged, self.orders, self.outside, self.seen]
        return [violation for check in checks for violation in check()]

    async def leftovers(self) -> list[str]:
        """What stays in Redis and PostgreSQL though all is quiet."""
        return await leftovers.leftovers(self.arena)

    # --- Rows ---------------------------------------------------------------------------------

    def rows(self) -> Iterator[str]:
        """No forbidden move was made; every turn has one outcome, and a cause."""
        yield from (what for (what,) in self.arena.rows("SELECT what FROM audit"))
        yield from outcomes.outcomes(self.turns, self.sent_as, frozen=self.frozen)
        yield from outcomes.policies(self.turns, self.sent_as)
        yield from outcomes.withdrawn(self.turns, self.of_turn)

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
        """Every accepted message is there once, as the turn that was promised, and nothing else."""
        for sent in self.sent():
            turns = self.by_key[sent.key]
            if len(turns) != 1 or turns[0].response != sent.response:
                yield f"{sent.text}: accepted as {sent.response}, is {turns}"
                continue
            inputs = [one for one in self.of_turn[turns[0].id] if one.step == 0]
            if [one.text for one in inputs] != [sent.text]:
                yield f"{sent.text}: stands {len(inputs)} times in the transcript"
        for turn in self.turns:
            if turn.key not in self.sent_as:
                yield f"{turn.prompt}: nobody sent it"

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
        yield from outside.paid(self.turns, self.of_turn, self.calls)
        yield from outside.attempts(self.turns, faults=self.faults)
        yield from outside.effects(self.turns, self.effects)

    # --- People -------------------------------------------------------------------------------

    def seen(self) -> Iterator[str]:
        """What people saw is what is stored."""
        turns = {turn.response: turn for turn in self.turns}
        for person in self.people:
            saw = seen.saw(person.tab, turns, self.of_turn, lost_logs=self.lost_logs)
            yield from (f"{person.name}: {what}" for what in saw)

    async def replayed(self) -> list[str]:
        """A replay from rows shows the very events that people saw."""
        found = []
        for person in self.people:
            turns = [one for one in self.turns if str(one.conversation) == person.conversation]
            found += await replay_differs(self.arena, person, turns)
        return found


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
