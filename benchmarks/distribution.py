"""Pull, push and hash beside each other: the first word, what a turn asks, what is found warm.

Each with the same workers and the same people, who talk long enough to have a history. The ways
take turns, so that a busy machine is busy for all of them.
"""

import asyncio
import json
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from statistics import mean, median, quantiles

from benchmarks.people import Person, invite, leave
from benchmarks.stage import Stage
from benchmarks.table import Row

TITLE = "How hints reach three workers"
WAYS = ("pull", "push", "hash")
WORKERS, PEOPLE, ROUNDS = 3, 6, 2
HISTORY, TURNS = 30, 10  # turns that make a history, then those that are measured
WHOLE = json.dumps({"assistant": {"agent": "workers.agents.assistant.agent", "window": 0}})
PROMPT = "[[stream deltas=5 rate=100 size=200]]"
HISTORIES = "32000000"  # for all, so that hits can be compared
REST = 4  # seconds of doing nothing, to know what goes on anyway

Found = dict[str, list[float]]


async def measure(stage: Stage, *, rounds: int = ROUNDS, history: int = HISTORY) -> list[Row]:
    found: dict[str, Found] = defaultdict(lambda: defaultdict(list))
    for _ in range(rounds):
        for way in WAYS:
            await of_way(stage, way, history, found[way])
    stage.stop(*(f"worker-{number}" for number in range(1, WORKERS + 1)))
    stage.replica()
    stage.worker()
    return [row for way in WAYS for row in described(way, found[way])]


async def of_way(stage: Stage, way: str, history: int, found: Found) -> None:
    with tempfile.TemporaryDirectory(prefix="agentsite-metrics-") as folder:
        alike = {"DISTRIBUTION": way, "AGENTS": WHOLE}
        stage.replica(**alike)
        stage.workers(WORKERS, WORKER_HISTORIES=HISTORIES, METRICS_DIR=folder, **alike)
        people = await invite(stage, PEOPLE)
        await talk(people, history)
        await of_turns(stage, people, found, Path(folder))
        await leave(people)


async def talk(people: list[Person], turns: int) -> None:
    async def one(person: Person) -> None:
        for _ in range(turns):
            await person.ask(PROMPT)

    await asyncio.gather(*map(one, people))


async def of_turns(stage: Stage, people: list[Person], found: Found, folder: Path) -> None:
    commands, looks, used = stage.commands(), looked(folder), stage.cpu("worker")
    begun = time.monotonic()
    await talk(people, TURNS)
    took, turns = time.monotonic() - begun, len(people) * TURNS
    commands, looks = stage.commands() - commands, looked(folder) - looks
    used = stage.cpu("worker") - used
    idle, rest = stage.commands(), stage.cpu("worker")
    await asyncio.sleep(REST)
    goes_on, rest = (stage.commands() - idle) / REST, (stage.cpu("worker") - rest) / REST
    found["first"] += [
        one.first - one.asked for person in people for one in person.answers[-TURNS:]
    ]
    found["commands"].append((commands - goes_on * took) / turns)
    found["anyway"].append(goes_on / WORKERS)
    found["cpu"].append((used - rest * took) / turns)
    found["hits"].append(looks["hit"] / max(looks.total(), 1))


def looked(folder: Path) -> Counter[str]:
    """Look-ups of parsed histories by their result, in all workers."""
    from workers.observing.tallies import Tallies  # noqa: PLC0415 - settings are known only now

    results: Counter[str] = Counter()
    for metric in Tallies(folder).collect():
        for sample in metric.samples:
            if sample.name == "agentsite_cache_total" and sample.labels["cache"] == "history":
                results[sample.labels["result"]] += int(sample.value)
    return results


def described(way: str, found: Found) -> list[Row]:
    return [
        Row(
            f"{way}: asked until the first word, median",
            f"{median(found['first']) * 1000:.1f} ms",
            f"95 of 100: {quantiles(found['first'], n=20)[-1] * 1000:.1f} ms",
        ),
        Row(
            f"{way}: Redis commands a turn",
            f"{mean(found['commands']):.1f}",
            f"{mean(found['anyway']):.1f} a second and worker anyway",
        ),
        Row(
            f"{way}: a worker's CPU time a turn",
            f"{mean(found['cpu']) * 1000:.1f} ms",
            f"{mean(found['hits']):.0%} found their history parsed",
        ),
    ]
