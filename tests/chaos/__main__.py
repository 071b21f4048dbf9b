"""`python -m tests.chaos --faults 60 --seed 1`: the last line is a summary; 1 if a promise broke."""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import recovery, seen
from tests.chaos.arena import Arena
from tests.chaos.checker import Checker
from tests.chaos.faults import ENOUGH, Faults
from tests.chaos.people import Person, beside, person
from tests.chaos.records import MESSAGES, TURNS

PEOPLE = 6
BESIDE = 2  # of them have a second tab that sends, too
QUIET_WITHIN = 240  # seconds after the last fault until every turn has its outcome
SHOWN = 20  # violations; more are only counted
ALL_PHASES = 60  # faults with which every phase of a turn must have been hit
PAUSE = 1.0  # seconds between two faults at most


async def main(faults: int, seed: int) -> int:
    """One run in an arena of its own; the exit status."""
    with tempfile.TemporaryDirectory(prefix="agentsite-chaos-") as folder:
        violations = ["the run itself broke off"]
        try:
            async with Arena(Path(folder)) as arena, arena.site():
                violations = await run(arena, faults, seed)
        finally:
            if violations:
                say(f"logs are in {keep(Path(folder))}")
    return close(faults, seed, violations)


def close(faults: int, seed: int, violations: Sequence[str]) -> int:
    """Say the summary, which is the last line; the exit status."""
    say(f"seed {seed}: {faults} faults, {len(violations)} violations")
    return 1 if violations else 0


async def run(
    arena: Arena,
    faults: int,
    seed: int,
    *,
    only: Sequence[str] = (),
    patience: float = QUIET_WITHIN,
) -> list[str]:
    """People talk through so many faults, of all kinds or only these; the violations."""
    people, breaking, broken = await converse(arena, faults, seed, only=only, patience=patience)
    violations = broken + await verdict(arena, people, breaking, patience)
    if faults >= ALL_PHASES:
        violations += [f"not hit enough: {phase}" for phase in breaking.missing]
    report(arena, people, breaking)
    if violations:
        (arena.folder / "logs" / "rows.log").write_text(rows(arena))
    for violation in violations[:SHOWN]:
        say(f"VIOLATION {violation}")
    return violations


async def converse(
    arena: Arena,
    faults: int,
    seed: int,
    *,
    only: Sequence[str] = (),
    patience: float = QUIET_WITHIN,
) -> tuple[list[Person], Faults, list[str]]:
    """Who has talked, what was broken meanwhile, and who of them broke down themselves."""
    fate = random.Random(seed)
    people = [await newcomer(arena, fate, number, faults) for number in range(PEOPLE)]
    people += [
        await beside(one, f"{one.name}b", random.Random(fate.random())) for one in people[:BESIDE]
    ]
    breaking = Faults(arena, fate, only, wanted=max(1, faults // ENOUGH))
    broken = await talk(people, breaking, faults, patience)
    return people, breaking, broken


async def newcomer(arena: Arena, fate: random.Random, number: int, faults: int) -> Person:
    own = random.Random(fate.random())
    return await person(f"p{number}", arena.ports, own, patient=not faults)


async def talk(people: list[Person], breaking: Faults, faults: int, patience: float) -> list[str]:
    """Everybody talks while things break; then everything becomes quiet. Whose program broke."""
    enough = asyncio.Event()
    talking = {one.name: asyncio.create_task(one.talk(enough)) for one in people}
    await break_things(people, breaking, faults)
    enough.set()
    await asyncio.wait(talking.values(), timeout=patience)  # who still waits is in the verdict
    for task in talking.values():
        task.cancel()
    await asyncio.gather(*talking.values(), return_exceptions=True)
    programs = talking | {f"{one.name}'s tab": one.tab.reader for one in people}
    return [f"{name} broke: {error!r}" for name, task in programs.items() if (error := died(task))]


def died(program: asyncio.Task[None]) -> BaseException | None:
    """What a person's program ended with, if it is not that it was over."""
    return program.exception() if program.done() and not program.cancelled() else None


async def break_things(people: list[Person], breaking: Faults, faults: int) -> None:
    for number in range(faults):
        await breaking.next()
        await asyncio.sleep(breaking.fate.uniform(0, PAUSE))
        if number % 10 == 9:
            say(f"{number + 1} faults, {sum(len(one.sent) for one in people)} messages")
    if faults >= ALL_PHASES:
        await breaking.complete()
    await breaking.thaw()


async def verdict(
    arena: Arena, people: list[Person], breaking: Faults, patience: float
) -> list[str]:
    """What the checker finds once every turn is over and everybody has seen it."""

    def checker() -> Checker:
        return Checker.of(
            arena,
            people,
            faults=breaking.cutting,
            lost_logs=breaking.lost_logs,
            frozen=breaking.frozen,
        )

    if lost := checker().lost():
        return lost
    if stuck := await unquiet(arena, people, patience):
        return stuck + checker().violations()
    await arena.ready()  # who died last is back
    violations = checker().violations() + await checker().leftovers()
    arena.redis_client().flushall()
    violations += await checker().replayed()
    for one in people:
        await one.tab.close()
    return violations


async def unquiet(arena: Arena, people: list[Person], patience: float) -> list[str]:
    """Wait until nothing is under way; what still is when patience is over."""
    try:
        async with asyncio.timeout(patience):
            while arena.rows(OPEN) or blind(arena, people):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    except TimeoutError:
        stuck = [f"never ended: {row}" for row in arena.rows(OPEN)]
        return stuck + [f"{who} never saw the end of {what}" for who, what in blind(arena, people)]
    return []


OPEN = "SELECT id, state, attempt, crashes, pool FROM conversations_turn WHERE finished IS NULL"
TOLD = "SELECT conversation_id, id FROM conversations_turn WHERE state <> 'rolled_back' ORDER BY number"


def blind(arena: Arena, people: list[Person]) -> list[tuple[str, list[str]]]:
    """Who has not seen the end of what."""
    told: dict[str, list[str]] = defaultdict(list)
    for conversation, turn in arena.rows(TOLD):
        told[str(conversation)].append(f"resp_{turn.hex}")
    found = [(one.name, unseen(one, told[one.conversation])) for one in people]
    return [(who, what) for who, what in found if what]


def unseen(one: Person, told: Sequence[str]) -> list[str]:
    """The responses whose end this tab has not seen, of those that it knows or will be `told` of.

    These are all of its conversation, whoever began them, in their order. A snapshot of the newest
    leaves older ones out, but never the last.
    """
    known = one.tab.responses
    more = told[-1:] if any(seen.has_more(one.tab)) else told
    ended = {response for response, so_far in known.items() if so_far.final}
    return [response for response in dict.fromkeys([*known, *more]) if response not in ended]


def report(arena: Arena, people: list[Person], breaking: Faults) -> None:
    """What was done and which phases were hit."""
    for name, count in sorted(breaking.done.items()):
        say(f"  {count:4} {name}")
    for name, count in sorted(breaking.hit.items()):
        say(f"  {count:4} hit: {name}")
    ((turns, attempts, most),) = arena.rows(ATTEMPTS)
    resends = sum(one.resends for one in people)
    connections = sum(one.tab.connections for one in people)
    snapshots = sum(len(list(seen.snapshots(one.tab))) for one in people)
    paid = len(arena.calls.read_text().splitlines())
    say(f"  {turns} turns in {attempts} attempts, {most} at most; {paid} paid calls")
    say(f"  {arena.deaths} deaths")
    refusals = sum((one.refusals for one in people), Counter())
    say(f"  {resends} messages sent again, {refusals.total()} refused {dict(refusals)}")
    say(f"  {connections} connections, {snapshots} snapshots")


ATTEMPTS = "SELECT count(*), sum(attempt), max(attempt) FROM conversations_turn"


def rows(arena: Arena) -> str:
    """Everything that is kept, to find out by."""
    kept = [*arena.rows(TURNS), *arena.rows(MESSAGES)]
    return "\n".join(json.dumps(row, default=str) for row in kept) + arena.calls.read_text()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def keep(folder: Path) -> Path:
    """The logs, past the folder's end."""
    kept = Path(tempfile.mkdtemp(prefix="agentsite-chaos-logs-"))
    for log in (folder / "logs").iterdir():
        (kept / log.name).write_bytes(log.read_bytes())
    return kept


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--distribution", choices=["pull", "push", "hash"], default="pull")
    parser.add_argument("--recovery", type=int, metavar="KILLS", help="measure it instead")
    options = parser.parse_args()
    os.environ["DISTRIBUTION"] = options.distribution  # of every process that is started
    if options.recovery:
        sys.exit(asyncio.run(recovery.main(options.recovery)))
    sys.exit(asyncio.run(main(options.faults, options.seed)))
