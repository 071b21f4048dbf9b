"""What a turn's store work costs at a conversation's length: ours, and the whole-document designs.

A turn's store work: its input is appended, the window is loaded, its reply is appended.
"""

import asyncio
import itertools
import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.seeds import Seed
from benchmarks.stage import Stage
from benchmarks.table import Row
from tests.taps import Tap

SIZES = (10, 100, 1_000, 10_000)
TURNS = 10  # that are measured at each size
WINDOW = 80  # messages that the model is shown
WORDS = [
    f"{random.Random(n).getrandbits(4 * length):0{length}x}"
    for n in range(500)
    for length in (3, 5, 8)
]
DESIGNS = {"database": "database", "hybrid": "hybrid", "redis": "versioned", "sealed": "sealed"}
TITLE = "Store work of one turn, by the length of its conversation"


@dataclass(frozen=True)
class Cost:
    """Of one turn; bytes, and milliseconds of CPU of the caller and both servers."""

    redis: float
    wal: float
    cpu: float
    carried: float

    def __str__(self) -> str:
        moved = [("Redis", self.redis), ("WAL", self.wal), ("carried", self.carried)]
        told = [f"{size(count)} {name}" for name, count in moved if count > 100]
        return ", ".join([*told, f"{self.cpu:.1f} ms CPU"])

    @property
    def moved(self) -> float:
        return self.redis + self.wal + self.carried


def text(number: int) -> str:
    """About 400 characters that pack as prose does."""
    return " ".join(random.Random(number).choices(WORDS, k=64))


def size(count: float) -> str:
    return f"{count / 1000:.1f} KB" if count < 1e6 else f"{count / 1e6:.1f} MB"


async def measure(stage: Stage) -> list[Row]:
    """Without a replica and a worker, whose own work would be counted."""
    stage.stop("replica-1", "worker-1")
    rows = await asyncio.to_thread(lambda: list(compared(stage)))
    stage.replica()
    stage.worker()
    return rows


def compared(stage: Stage) -> Iterator[Row]:
    with Tap(stage.environment["REDIS_URL"]) as tap, tapped(tap.url):
        for ours, theirs in DESIGNS.items():
            for count in SIZES:
                cost = cost_of(stage, tap, our_turns(ours, count))
                seed = cost_of(stage, tap, their_turns(stage, tap, theirs, count))
                ratio = f"1/{seed.moved / cost.moved:.0f}" if cost.moved < seed.moved else ""
                yield Row(f"`{ours}`, {count:,} messages", str(cost), str(seed), ratio)


@contextmanager
def tapped(url: str) -> Iterator[None]:
    """Our stores' clients go through the tap."""
    from django.conf import settings  # noqa: PLC0415 - set up by then

    settings.CACHES["default"]["LOCATION"] = url
    settings.REDIS_STORE_URL = url
    yield


Turns = Iterator[tuple[Callable[[], Any], Callable[[], int]]]


def cost_of(stage: Stage, tap: Tap, turns: Turns) -> Cost:
    """Of one turn on the average; the first turns make everything warm."""
    turn, carried = next(turns)
    for _ in range(2):
        turn()
    tap.clear()
    before = written(stage), stage.cpu("redis", "postgresql"), time.process_time()
    for _ in range(TURNS):
        turn()
    wal = written(stage) - before[0]
    cpu = stage.cpu("redis", "postgresql") - before[1] + time.process_time() - before[2]
    cost = Cost(tap.bytes_sent / TURNS, wal / TURNS, cpu * 1000 / TURNS, carried())
    next(turns, None)
    return cost


def written(stage: Stage) -> float:
    return float(stage.rows("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")[0][0])


def their_turns(stage: Stage, tap: Tap, design: str, count: int) -> Turns:
    seed = Seed(stage.environment["DATABASE_URL"], tap.url)
    seed.save(design, [{"role": "user", "content": text(each)} for each in range(count)])
    numbers = itertools.count(count)
    turn = lambda: seed.turn(design, text(next(numbers)), text(next(numbers)))  # noqa: E731
    yield turn, lambda: 2 * seed.carried
    seed.close()


def our_turns(name: str, count: int) -> Turns:
    from conversations.stores import store  # noqa: PLC0415 - Django is set up by then
    from conversations.stores.base import Snapshot  # noqa: PLC0415
    from conversations.stores.sealed import SealedStore  # noqa: PLC0415

    jar: dict[uuid.UUID, str] = {}
    kept = SealedStore(jar, owner_id=1, agent="carried") if name == "sealed" else store(name)
    handle, turn = conversation()
    version, step = 0, 0
    kept.create(handle)

    def append(many: int) -> Any:
        nonlocal version, step
        new = [message(turn, step + each) for each in range(many)]
        version, step = kept.append(Snapshot(handle, version), new).version, step + many
        return new

    def one() -> None:
        new = append(1)
        kept.resume(handle, version - 1, new, version, newest=WINDOW)
        append(1)
        if isinstance(kept, SealedStore):
            kept.shorten(handle, min(WINDOW, len(kept.opened(handle).messages)))

    for _ in range(0, count, 1000):
        append(min(count, 1000))
        if isinstance(kept, SealedStore):
            kept.shorten(handle, min(WINDOW, len(kept.opened(handle).messages)))
    yield one, lambda: 2 * len(jar.get(handle, ""))
    kept.delete(handle)


def conversation() -> tuple[uuid.UUID, uuid.UUID]:
    from django.contrib.auth import get_user_model  # noqa: PLC0415

    from conversations.models import Conversation, Turn  # noqa: PLC0415

    owner, _ = get_user_model().objects.get_or_create(username="benchmark")
    made = Conversation.objects.create(owner=owner, agent="demo")
    turn = Turn.objects.create(
        conversation=made, owner=owner, number=0, state="running", pool="default", input=[]
    )
    return made.pk, turn.pk


def message(turn: uuid.UUID, step: int) -> Any:
    from conversations.stores.base import Key, NewMessage  # noqa: PLC0415

    part = {"part_kind": "text", "content": text(step)}
    payload = json.dumps({"kind": "response", "parts": [part]})
    return NewMessage(Key(turn, 1, step), "response", payload, trace=[[3, 2, 0, 0]])
