"""docs/scaling.svg: how much of each part a growing fleet uses."""

from pathlib import Path

from benchmarks.simulate.costs import Costs
from benchmarks.simulate.scenarios import USUAL, Fleet, simulate

PICTURE = Path(__file__).parents[2] / "docs" / "scaling.svg"
SIZES = (5, 10, 20, 35, 50, 100, 200, 400, 700, 1000)
LABELS = {"redis": "one Redis for events", "postgresql": "PostgreSQL, 16 cores"}


def draw(costs: Costs) -> Path:
    import matplotlib as mpl  # noqa: PLC0415 - slow to load, and only needed here

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "agentsite"  # the same picture, the same bytes
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(7, 3.6))
    outcomes = {size: simulate(Fleet(size, pooler=True), costs) for size in SIZES}
    for part, label in LABELS.items():
        axes.plot(SIZES, [outcomes[size].shares[part] for size in SIZES], "o-", label=label)
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set(xscale="log", xlabel="worker processes", ylabel="busy", ylim=(0, 1.1))
    axes.set_title(f"{USUAL.deltas} tokens at {USUAL.rate:.0f} a second, workers 70 % busy")
    axes.legend()
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None})
    return PICTURE
