"""What one turn asks of PostgreSQL and Redis, counted on the wire between real processes."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.people import Person, invite, leave
from benchmarks.stage import Stage
from benchmarks.table import Row
from tests.taps import Tap

SHORT = "[[stream deltas=20 size=40]]"
STEADY = "[[stream deltas=200 rate=100]]"
TURNS = 20
IDLE = 5  # seconds of doing nothing, to know what goes on anyway
BRACKETS = (b"BEGIN", b"COMMIT")
ROLES = {
    "DATABASE_URL": "postgresql",
    "REDIS_QUEUE_URL": "queue",
    "REDIS_LIVE_URL": "live",
    "REDIS_CACHE_URL": "cache",
}
TITLE = "One turn of 20 deltas, 800 characters"


@dataclass(frozen=True)
class Count:
    """Of one tap."""

    asked: float
    round_trips: float
    commits: float

    def less(self, other: "Count", times: float) -> "Count":
        """Without what goes on anyway."""
        return Count(
            self.asked - other.asked * times,
            self.round_trips - other.round_trips * times,
            self.commits - other.commits * times,
        )


Taps = dict[str, dict[str, Tap]]  # by process, then by role


async def measure(stage: Stage) -> list[Row]:
    with tapped(stage) as taps:
        people = await invite(stage, 1)
        for _ in range(3):
            await people[0].ask(SHORT)
        counts = await of_turns(people[0], taps)
        rows = [*described(counts), *await of_frames(people[0], taps["worker"]["live"])]
        await leave(people)
    stage.replica()
    stage.worker()
    return rows


@contextmanager
def tapped(stage: Stage) -> Iterator[Taps]:
    """The replica and the worker, each with taps of its own."""
    with ExitStack() as stack:
        taps: Taps = {}
        for process, start in (("web", stage.replica), ("worker", stage.worker)):
            taps[process] = {
                role: stack.enter_context(Tap(target(stage, name))) for name, role in ROLES.items()
            }
            address = {name: taps[process][role].url for name, role in ROLES.items()}
            start(**address, DATABASE_DIRECT_URL=stage.environment["DATABASE_URL"])
        yield taps


def target(stage: Stage, name: str) -> str:
    return stage.environment[name if name == "DATABASE_URL" else "REDIS_URL"]


async def of_turns(person: Person, taps: Taps) -> dict[tuple[str, str], Count]:
    """By process and role, per turn."""
    begun = time.monotonic()
    await asyncio.sleep(clear(taps, IDLE))
    idle, rest = read(taps), time.monotonic() - begun
    clear(taps)
    begun = time.monotonic()
    for _ in range(TURNS):
        await person.ask(SHORT)
    busy, took = read(taps), time.monotonic() - begun
    return {key: scaled(busy[key].less(idle[key], took / rest)) for key in busy}


def clear(taps: Taps, then: float = 0.0) -> float:
    for tap in every(taps).values():
        tap.clear()
    return then


def read(taps: Taps) -> dict[tuple[str, str], Count]:
    return {
        key: Count(len(asked(tap)), tap.round_trips, tap.asked.count(b"COMMIT"))
        for key, tap in every(taps).items()
    }


def asked(tap: Tap) -> list[bytes]:
    return [each for each in tap.asked if each not in BRACKETS]


def every(taps: Taps) -> dict[tuple[str, str], Tap]:
    return {(name, role): tap for name, roles in taps.items() for role, tap in roles.items()}


def scaled(count: Count) -> Count:
    return Count(count.asked / TURNS, count.round_trips / TURNS, count.commits / TURNS)


def described(counts: Mapping[tuple[str, str], Count]) -> Iterator[Row]:
    for role, what in (
        ("postgresql", "SQL statements"),
        ("queue", "Redis commands of RQ"),
        ("live", "Redis commands of the log"),
        ("cache", "Redis commands of the hot copy"),
    ):
        both = [counts["web", role], counts["worker", role]]
        web, worker = (f"{count.asked:.1f}" for count in both)
        trips = sum(count.round_trips for count in both)
        total = sum(count.asked for count in both)
        yield Row(
            f"{what}, web + worker", f"{web} + {worker} = {total:.1f}", f"{trips:.1f} round trips"
        )
    explicit = sum(count.commits for count in counts.values())
    yield Row("transactions (an accept is one more, of one statement)", f"{explicit:.1f}")


async def of_frames(person: Person, live: Tap) -> list[Row]:
    """Two seconds at 100 tokens a second."""
    live.clear()
    answer = await person.ask(STEADY)
    frames = len(live.named("EVALSHA"))
    return [
        Row("frames a token at 100 tokens/s", f"{frames / 200:.2f}"),
        Row("bytes a frame, worker to Redis", f"{live.bytes_sent / frames:.0f}"),
        Row("bytes a token, replica to browser", f"{answer.bytes / 200:.0f}"),
    ]
