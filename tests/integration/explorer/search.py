"""The search: every schedule of a scene, depth first, each from fresh rows.

Stateless, as the isolation tester of PostgreSQL would do it by hand: a schedule is a list of
names, so any one of them can be printed and replayed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.integration.explorer.stage import Deed, Run, Stage, Strayed

LIMIT = 5000  # schedules; a scene with more needs fewer actors
TRIES = 5  # to follow one schedule; a machine that stalls lets another come first

Scene = Callable[[], dict[str, Deed]]


class Violation(AssertionError):
    """A promise was broken under the schedule that the message shows."""


@dataclass
class Explored:
    """What the search went through."""

    schedules: int = 0
    waits: int = 0  # schedules in which somebody waited for a lock
    stalls: int = 0  # schedules whose failure did not come again


def explore(
    stage: Stage,
    scene: Scene,
    judge: Callable[[Run], None],
    *,
    replay: str = "",
    reduces: bool = True,
) -> Explored:
    """Run a scene under every schedule, or only the one to replay. Raises `Violation`.

    A schedule decides all that happens, so a promise that it breaks it breaks again. What does
    not come again was the machine's, such as a hint that Redis took a second to receive.
    """
    explored = Explored()
    for run in schedules(stage, scene, replay.split(), reduces=reduces):
        if run.redundant:
            continue
        explored.schedules += 1
        explored.waits += any(step.waited for step in run.steps)
        if broken := verdict(judge, run):
            again = followed(stage, scene, run.schedule, reduces=False)
            if verdict(judge, again):
                told = f"{broken}\nin schedule {explored.schedules}:\n{run}"
                raise Violation(told) from broken
            explored.stalls += 1
            assert explored.stalls < TRIES, f"fails now and then: {broken}\n{run}"
        if replay:
            break
        assert explored.schedules < LIMIT, "too many schedules"
    return explored


def verdict(judge: Callable[[Run], None], run: Run) -> AssertionError | None:
    """The promise that was broken."""
    try:
        judge(run)
    except AssertionError as error:
        return error
    return None


def followed(stage: Stage, scene: Scene, prefix: Sequence[str], *, reduces: bool) -> Run:
    """A run that begins with the prefix."""
    for _ in range(TRIES - 1):
        with suppress(Strayed):
            return stage.run(scene(), prefix, reduces=reduces)
    return stage.run(scene(), prefix, reduces=reduces)


def schedules(stage: Stage, scene: Scene, prefix: Sequence[str], *, reduces: bool) -> Iterator[Run]:
    """A run under every schedule that begins with the prefix of the last one not yet tried."""
    following: list[str] | None = list(prefix)
    while following is not None:
        run = followed(stage, scene, following, reduces=reduces)
        yield run
        following = next_prefix(run)


def next_prefix(run: Run) -> list[str] | None:
    """The last decision that can be taken otherwise is, and what led to it stays."""
    for index in reversed(range(len(run.steps))):
        step = run.steps[index]
        left = step.options[step.options.index(step.actor) + 1 :]
        if left:
            return [*run.schedule[:index], left[0]]
    return None
