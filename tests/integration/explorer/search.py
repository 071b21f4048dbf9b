"""The search: every schedule of a scene, depth first, each from fresh rows.

Stateless, as the isolation tester of PostgreSQL would do it by hand: a schedule is a list of
names, so any one of them can be printed and replayed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.integration.explorer.stage import Deed, Run, Stage

LIMIT = 5000  # schedules; a scene with more needs fewer actors


class Violation(AssertionError):
    """A promise was broken under the schedule that the message shows."""


@dataclass
class Explored:
    """What the search went through."""

    schedules: int = 0
    waits: int = 0  # schedules in which somebody waited for a lock


def explore(
    stage: Stage,
    scene: Callable[[], dict[str, Deed]],
    judge: Callable[[Run], None],
    *,
    replay: str = "",
    reduces: bool = True,
) -> Explored:
    """Run a scene under every schedule, or only the one to replay. Raises `Violation`."""
    explored = Explored()
    for run in schedules(stage, scene, replay.split(), reduces=reduces):
        if run.redundant:
            continue
        explored.schedules += 1
        explored.waits += any(step.waited for step in run.steps)
        try:
            judge(run)
        except AssertionError as error:
            raise Violation(f"{error}\nin schedule {explored.schedules}:\n{run}") from error
        if replay:
            break
        assert explored.schedules < LIMIT, "too many schedules"
    return explored


def schedules(
    stage: Stage, scene: Callable[[], dict[str, Deed]], prefix: Sequence[str], *, reduces: bool
) -> Iterator[Run]:
    """A run under every schedule that begins with the prefix of the last one not yet tried."""
    following: list[str] | None = list(prefix)
    while following is not None:
        run = stage.run(scene(), following, reduces=reduces)
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
