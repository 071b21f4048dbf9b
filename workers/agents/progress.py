"""How far a tool call has come: for authors of tools that take long.

from workers.agents.progress import progress

@agent.tool
async def read(ctx: RunContext[Deps], url: str) -> str:
    await progress(0.4, "reading page 4")
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from math import isnan

LONGEST = 200  # characters of a message

Report = Callable[[float | None, str], None]
_reports: ContextVar[Sequence[Report]] = ContextVar("reports", default=())  # one, or none


async def progress(fraction: float | None, message: str = "") -> None:
    """Show that the call that runs has come so far, from 0 to 1 (None: nobody knows).

    As often as one likes: only the newest is shown, a few times a second. Outside of a call it
    does nothing.
    """
    for report in _reports.get():
        known = None if fraction is None or isnan(fraction) else float(fraction)
        whole = None if known is None else min(max(known, 0.0), 1.0)
        report(whole, message[:LONGEST])


@contextmanager
def reporting(report: Report) -> Iterator[None]:
    """What the block reports goes there; tasks that it leaves behind report to nobody."""
    token = _reports.set(reports := [report])
    try:
        yield
    finally:
        reports.clear()  # also for those that have copied the context
        _reports.reset(token)
