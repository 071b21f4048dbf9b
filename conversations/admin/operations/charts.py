"""Lines over the last hour as inline SVG, made here so that the page needs no script. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 600, 100  # units of the picture; it is stretched to its place
HEADROOM = 1.1  # of the highest point

Point = tuple[datetime, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `path` and `area` are what SVG draws."""

    name: str
    path: str
    area: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its words, which say all of it to whoever does not see it."""

    title: str
    now: str
    peak: str  # empty: nothing was measured
    lines: Sequence[Line]

    @property
    def label(self) -> str:
        most = f", in the last hour at most {self.peak}" if self.peak else ""
        return f"{self.title} {self.now}{most}"


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a chart shows; points further apart than `gap` seconds are not connected."""

    start: datetime
    end: datetime
    gap: float

    def x(self, at: datetime) -> float:
        whole = (self.end - self.start).total_seconds()
        return (at - self.start).total_seconds() / whole * WIDTH


def chart(lines: dict[str, Sequence[Point]], window: Window, *, least: float = 1) -> list[Line]:
    """Lines on one scale, whose top is above the highest point of all and no less than `least`."""
    peak = max((value for points in lines.values() for _, value in points), default=0)
    top = max(peak * HEADROOM, least)
    return [_line(name, points, window, top) for name, points in lines.items()]


def _line(name: str, points: Sequence[Point], window: Window, top: float) -> Line:
    stretches = [
        [(window.x(at), HEIGHT - value / top * HEIGHT) for at, value in stretch]
        for stretch in _stretches(points, window.gap)
    ]
    return Line(
        name=name,
        path=" ".join(map(_drawn, stretches)),
        area=" ".join(map(_filled, stretches)),
    )


def _stretches(points: Iterable[Point], gap: float) -> list[list[Point]]:
    """Cut where nothing is known."""
    found: list[list[Point]] = []
    for at, value in points:
        if not found or (at - found[-1][-1][0]).total_seconds() > gap:
            found.append([])
        found[-1].append((at, value))
    return found


def _drawn(points: Sequence[tuple[float, float]]) -> str:
    """A single point is a short dash."""
    if len(points) == 1:
        points = [*points, (points[0][0] + 2, points[0][1])]
    return "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _filled(points: Sequence[tuple[float, float]]) -> str:
    return f"{_drawn(points)} L{points[-1][0]:.1f},{HEIGHT} L{points[0][0]:.1f},{HEIGHT} Z"
