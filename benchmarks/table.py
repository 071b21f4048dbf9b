"""The table that the benchmarks print."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, beside what it is compared with."""

    what: str
    site: str
    beside: str = ""
    ratio: str = ""


def ratio(site: float, beside: float) -> str:
    return f"{site / beside:.2f}" if beside else ""


def markdown(title: str, rows: Sequence[Row]) -> str:
    """A section of docs/benchmarks.md."""
    cells = [("", "agentsite", "beside", "ratio")]
    cells += [(row.what, row.site, row.beside, row.ratio) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([f"\n### {title}\n", lines[0], rule, *lines[1:]])
