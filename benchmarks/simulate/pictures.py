"""docs/scaling.svg: how much of each part a growing fleet uses."""

from pathlib import Path

from benchmarks.simulate.costs import Costs
from benchmarks.simulate.scenarios import SHARE, USUAL, Fleet, simulate

PICTURE = Path(__file__).parents[2] / "docs" / "scaling.svg"
SIZES = (5, 10, 20, 35, 50, 100, 150, 200, 300, 400, 700, 1000)
ONE, SEVERAL = "one Redis for events", "Redis, role queue"
LABELS = {ONE: "live", SEVERAL: "queue", "PostgreSQL, 16 cores": "postgresql"}


def draw(costs: Costs) -> Path:
    import matplotlib as mpl  # noqa: PLC0415 - slow to load, and only needed here

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "agentsite"  # the same picture, the same bytes
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(7, 3.6))
    for label, part in LABELS.items():
        # what is slow keeps work from what comes after it, so for the others it is made wide enough
        fleets = [Fleet(size, live=1 if label == ONE else 1 + size // SHARE) for size in SIZES]
        axes.plot(
            SIZES, [simulate(fleet, costs).shares[part] for fleet in fleets], "o-", label=label
        )
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set(xscale="log", xlabel="worker processes", ylabel="busy", ylim=(0, 1.1))
    axes.set_title(f"{USUAL.deltas} tokens at {USUAL.rate:.0f} a second, workers 70 % busy")
    axes.legend()
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None})
    return PICTURE
