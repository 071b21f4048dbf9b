"""The entries of a turn as its row was at one moment: of its log while it is open, else of rows."""

from collections.abc import Iterable

import structlog
from redis.exceptions import RedisError

from conversations import streams
from conversations.facts import TurnFacts
from conversations.models import Turn
from conversations.showing import snapshots
from conversations.showing.snapshots import TurnView
from conversations.threads import in_thread
from conversations.traces import Entry, merge, opening

log = structlog.get_logger(__name__)


async def shown(view: TurnView, *, after: int = -1) -> tuple[Entry, ...]:
    """A turn's entries after a number, from wherever they are whole."""
    if view.has_ended:
        return view.entries
    if not view.attempt:
        return opening(view.facts)[:1]
    logged = await _logged(view.facts, after)
    if logged is not None and not has_gap(after + 1, logged):
        return logged
    return merge(await in_thread(snapshots.stored, view.facts), logged or ())


async def reached(view: TurnView) -> int | None:
    """The number of a turn's next event; None where only a log knows it that cannot be read now.

    Rows have less than was shown while a turn runs, and after its worker died.
    """
    if view.attempt and view.state in (Turn.State.QUEUED, Turn.State.RUNNING):
        logged = await _logged(view.facts, -1)
        return logged[-1].following if logged else None
    return (await shown(view))[-1].following


def has_gap(following: int, entries: Iterable[Entry]) -> bool:
    """Whether a number is missing."""
    for entry in entries:
        if entry.number > following:
            return True
        following = max(following, entry.following)
    return False


async def _logged(turn: TurnFacts, after: int) -> tuple[Entry, ...] | None:
    try:
        read = await streams.read(turn, after)
    except RedisError as error:
        log.warning("entries.log_unreadable", error=type(error).__name__)
        return None
    return read.entries if read else None
