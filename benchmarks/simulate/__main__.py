"""`python -m benchmarks.simulate`: fleets that nobody has at hand; `--measure` takes the costs anew."""

import argparse
import asyncio
import os

import django

from benchmarks.simulate import measuring, pictures, scenarios
from benchmarks.simulate.costs import Check, Costs
from benchmarks.stage import Stage
from benchmarks.table import markdown

SIZES = (50, 200, 1000, 10_000)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="run the site first, four minutes")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="worker processes")
    parser.add_argument("--picture", action="store_true", help="draw docs/scaling.svg")
    options = parser.parse_args()
    if options.measure:
        measure()
    costs = Costs.read()
    told = list(measuring.compared(costs, Check.read()))
    print(markdown("Simulated beside measured, on one machine", told))
    print(f"\nat most {measuring.beside(told):.0%} off")
    print(markdown("What a turn costs, in CPU time", list(measuring.described(costs))))
    print(markdown(scenarios.TITLE, list(scenarios.rows(costs, tuple(options.sizes)))))
    if options.picture:
        print(pictures.draw(costs))


def measure() -> None:
    """Take the costs, and on the same day other runs to check the simulation by."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    with Stage() as stage:
        django.setup()
        stage.replica()
        stage.worker()
        measuring.costs(stage).write()
        Check.write(asyncio.run(measuring.checks(stage)))


main()
