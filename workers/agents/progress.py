"""How far a tool call has come: for authors of tools that take long.

from workers.agents.progress import progress

@agent.tool
async def read(ctx: RunContext[Deps], url: str) -> str:
    await progress(0.4, "reading page 4")
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LONGEST = 200  # characters of a message

Report = Callable[[float | None, str], None]
_report: ContextVar[Report | None] = ContextVar("report", default=None)


async def progress(fraction: float | None, message: str = "") -> None:
    """Show that the call that runs has come so far, from 0 to 1 (None: nobody knows).

    As often as one likes: only the newest is shown, a few times a second. Outside of a call it
    does nothing.
    """
    if report := _report.get():
        whole = None if fraction is None else min(max(float(fraction), 0.0), 1.0)
        report(whole, message[:LONGEST])


@contextmanager
def reporting(report: Report) -> Iterator[None]:
    """What the block reports goes there."""
    token = _report.set(report)
    try:
        yield
    finally:
        _report.reset(token)
