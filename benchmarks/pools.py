"""The first word while ten thousand batch turns wait, beside an idle site and beside no kept slots."""

import asyncio
import json
from statistics import median

from benchmarks import fleet
from benchmarks.first_token import first_in_the_browser, ms
from benchmarks.people import invite, leave
from benchmarks.stage import Stage
from benchmarks.table import Row, ratio

TITLE = "A person beside a flood of batch turns"
SLOTS = 30  # of the one worker; a fifth is kept for people
BACKLOG, STEP = 10_000, 500  # turns, and those of one transaction
BATCH = "[[stream deltas=50 rate=2]]"
TIMES, UNMEASURED = 12, 3
NONE_KEPT = json.dumps({"default": {"reserved": {"interactive": 0, "default": 0}}})
WAITING = "SELECT conversation_id FROM conversations_turn WHERE pool = 'batch'"
RUNNING = "SELECT FROM conversations_turn WHERE pool = 'batch' AND state = 'running'"


async def measure(stage: Stage) -> list[Row]:
    stage.worker(WORKER_SLOTS=str(SLOTS))
    idle = await first_word(stage)
    await asyncio.to_thread(flood, stage)
    flooded = await first_word(stage)
    waited = len(stage.rows("SELECT FROM conversations_turn WHERE pool = 'batch' AND attempt = 0"))
    stage.worker(WORKER_SLOTS=str(SLOTS), POOLS=NONE_KEPT)
    await asyncio.to_thread(filled, stage, SLOTS)
    crowded = await first_word(stage)
    stage.stop("worker-1")
    stage.run(fleet.CLEAR)
    stage.worker()
    return [
        Row("first word, an idle site", ms(idle)),
        Row(f"first word, {waited} batch turns wait", ms(flooded), ms(idle), ratio(flooded, idle)),
        Row("the same, no slot kept for people", ms(crowded), ms(idle), ratio(crowded, idle)),
    ]


async def first_word(stage: Stage) -> float:
    """Seconds, the median of a few."""
    (person,) = people = await invite(stage, 1)
    seconds = [await first_in_the_browser(person) for _ in range(UNMEASURED + TIMES)]
    await leave(people)
    return median(seconds[UNMEASURED:])


def flood(stage: Stage) -> None:
    """Queue them, and wait until they fill the slots that they may have."""
    from workers import queues  # noqa: PLC0415 - needs the settings

    for _ in range(BACKLOG // STEP):
        fleet.fill(STEP, queue="batch", text=BATCH)
    for (conversation,) in stage.rows(WAITING):
        queues.enqueue("batch", "conversations.tasks.answer", str(conversation), "batch")
    filled(stage, SLOTS - SLOTS // 5 - SLOTS // 10)


def filled(stage: Stage, slots: int) -> None:
    stage.wait(lambda: len(stage.rows(RUNNING)) >= slots)
