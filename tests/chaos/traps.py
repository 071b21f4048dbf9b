"""Sets traps in the way of processes, and counts what they really hit."""

import asyncio
import random
import re
from collections import Counter
from functools import partial

from tests.chaos.arena import Arena, Process
from tests.chaos.phases import ANYTHING
from tests.chaos.relay import Harm, Relay, Trap

SPRUNG_WITHIN = 6  # seconds; who waits for a phase that does not come gives up
UNANSWERED = (Harm.DROP_REQUEST, Harm.HOLD)


class Traps:
    """`hit` counts the phases of turns that were hit; while it `aims`, nothing by halves."""

    def __init__(self, arena: Arena, fate: random.Random) -> None:
        self.arena, self.fate = arena, fate
        self.hit: Counter[str] = Counter()
        self.aims = False

    def one(self, prefix: str) -> Process:
        """Somebody who is up."""
        up = [one for one in self.arena.named(prefix) if not one.frozen]
        return self.fate.choice(up or self.arena.named(prefix))

    def before_or_after(self) -> Harm:
        """Whether the server has done what was asked; who aims wants that it has."""
        harms = [Harm.DROP_REPLY] if self.aims else [Harm.DROP_REPLY, Harm.DROP_REQUEST]
        return self.fate.choice(harms)

    def death(
        self, process: Process, words: bytes, harm: Harm, *, then: bytes = b"", skip: int = 0
    ) -> Trap:
        """A trap that kills the process; DROP_REPLY: after the server has done what was asked."""
        deed = partial(self.arena.kill, process.name)
        return Trap(words, harm, then=then, skip=skip, deed=deed)

    async def spring(
        self,
        relay: Relay,
        trap: Trap,
        phase: str,
        proof: re.Pattern[bytes] = ANYTHING,
    ) -> None:
        """Wait for it; a hit is what the server's answer proves, as far as one is needed."""
        relay.traps.append(trap)
        unanswered = trap.harm in UNANSWERED
        try:
            async with asyncio.timeout(SPRUNG_WITHIN):
                await (trap.sprung if unanswered else trap.answered).wait()
        except TimeoutError:
            trap.is_off = True  # also where its first words have passed
            if trap in relay.traps:
                relay.traps.remove(trap)
            return
        is_proven = proof is ANYTHING if unanswered else proof.search(trap.reply)
        self.hit[phase if is_proven else f"not quite: {phase}"] += 1
