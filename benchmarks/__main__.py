"""`python -m benchmarks`: every measurement, one after the other, and one table."""

import argparse
import asyncio
import os
import platform
from collections.abc import Awaitable, Callable

import django

from benchmarks import (
    counts,
    density,
    distribution,
    first_token,
    fleet,
    pools,
    slots,
    stores,
    throughput,
)
from benchmarks.stage import Stage
from benchmarks.table import Row, markdown

Measurement = Callable[[Stage, argparse.Namespace], Awaitable[list[Row]]]

MEASUREMENTS: dict[str, tuple[str, Measurement]] = {
    "first-token": (
        first_token.TITLE,
        lambda stage, options: first_token.measure(stage, pairs=options.pairs),
    ),
    "throughput": (
        throughput.TITLE,
        lambda stage, options: throughput.measure(
            stage, clients=options.clients, seconds=options.seconds
        ),
    ),
    "density": (
        density.TITLE,
        lambda stage, options: density.measure(stage, many=options.many, most=options.most),
    ),
    "fleet": (
        fleet.TITLE,
        lambda stage, options: fleet.measure(stage, sizes=options.sizes, backlog=options.backlog),
    ),
    "slots": (
        slots.TITLE,
        lambda stage, options: slots.measure(
            stage, slots=options.slots, processes=options.processes
        ),
    ),
    "distribution": (
        distribution.TITLE,
        lambda stage, options: distribution.measure(
            stage, rounds=options.rounds, history=options.history
        ),
    ),
    "pools": (pools.TITLE, lambda stage, _: pools.measure(stage)),
    "counts": (counts.TITLE, lambda stage, _: counts.measure(stage)),
    "stores": (stores.TITLE, lambda stage, _: stores.measure(stage)),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    add = parser.add_argument
    add("only", nargs="*", metavar="name", help=f"of {', '.join(MEASUREMENTS)}; all when none")
    add("--seconds", type=float, default=8, help="of load, each of three times")
    add("--clients", type=int, default=32, help="who ask at the same time")
    add("--pairs", type=int, default=30, help="first words, directly and through the site")
    add("--many", type=int, default=300, help="turns in flight at 1 chunk/s")
    add("--most", type=int, default=200, help="turns to try at 20 chunks/s")
    add("--rounds", type=int, default=distribution.ROUNDS, help="of each distribution")
    add("--history", type=int, default=distribution.HISTORY, help="turns that went before, of it")
    add("--sizes", type=int, nargs="+", default=fleet.SIZES, help="of the fleet")
    add("--backlog", type=int, default=fleet.BACKLOG, help="turns that wait, of the fleet")
    add("--slots", type=int, default=slots.SLOTS, help="turns in flight in all processes")
    add("--processes", type=int, default=slots.PROCESSES, help="that share those slots")
    options = parser.parse_args()
    if unknown := set(options.only) - set(MEASUREMENTS):
        parser.error(f"there is no measurement {', '.join(unknown)}")
    return options


async def run(stage: Stage, options: argparse.Namespace) -> None:
    for name in options.only or MEASUREMENTS:
        title, measure = MEASUREMENTS[name]
        print(markdown(title, await measure(stage, options)), flush=True)


def main() -> None:
    options = arguments()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores", flush=True)
    with Stage() as stage:
        django.setup()
        stage.replica()
        stage.worker()
        asyncio.run(run(stage, options))


main()
