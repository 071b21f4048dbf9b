"""A turn's life as people read it: what it waited for, how long, and a bar of it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from conversations.models import Turn

MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds
SCALES = (  # below which duration, its unit, and the unit of the rest
    (HOUR, (MINUTE, "min", 1, "s")),
    (DAY, (HOUR, "h", MINUTE, "min")),
    (float("inf"), (DAY, "d", HOUR, "h")),
)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a turn's life; `left` and `width` are per cent of the whole."""

    name: str
    label: str
    seconds: float
    left: str
    width: str

    @property
    def words(self) -> str:
        return f"{self.label} {duration(self.seconds)}"


def duration(seconds: float) -> str:
    """Seconds in words, as exact as anybody needs."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{int(seconds)} s"
    unit, name, rest, rest_name = next(scale for below, scale in SCALES if seconds < below)
    return f"{int(seconds // unit)} {name} {int(seconds % unit // rest)} {rest_name}"


def phases(turn: Turn, *, now: datetime | None = None) -> list[Phase]:
    """Queued, then waiting for the first token, then streaming; each as far as it came.

    From its first words, or its question, a turn may have waited for a person.
    """
    end = turn.finished or now or timezone.now()
    started = turn.started or end
    spoke = turn.first_token or end
    streamed = "streamed and waited for an answer" if turn.waited else "streamed"
    stretches = [
        ("queued", "queued", turn.created, started),
        ("thinking", "to first token", started, spoke),
        ("streaming", streamed, spoke, end),
    ]
    whole = max((end - turn.created).total_seconds(), 1e-6)
    return [
        _phase(
            name,
            label,
            (begin - turn.created).total_seconds(),
            (stop - begin).total_seconds(),
            whole,
        )
        for name, label, begin, stop in stretches
        if stop > begin
    ]


def _phase(name: str, label: str, offset: float, seconds: float, whole: float) -> Phase:
    return Phase(
        name, label, seconds, f"{100 * offset / whole:.2f}", f"{100 * seconds / whole:.2f}"
    )


def total(turn: Turn, *, now: datetime | None = None) -> str:
    """From accepted to its end, or until now; clocks may differ by a little."""
    end = turn.finished or now or timezone.now()
    return duration(max((end - turn.created).total_seconds(), 0))


def tokens(turn: Turn) -> str:
    """Tokens in and out, where the model told them."""
    usage = turn.usage or {}
    given, made = usage.get("input_tokens"), usage.get("output_tokens")
    return f"{given or 0} in, {made or 0} out" if given or made else ""
