"""The stage: runs several actors by one schedule, one step at a time, on real PostgreSQL."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from tests.integration.explorer.actors import Actor, State

GLANCE = 0.003  # seconds in which most steps are done; only then PostgreSQL is asked who waits
PATIENCE = 30  # seconds until a step that neither ends nor waits for a lock is an error

Deed = Callable[[], Any]


class Strayed(AssertionError):
    """The schedule could not be followed: another than before waited for a lock, or came first."""


@dataclass
class Step:
    """One decision of the scheduler."""

    actor: str
    does: str
    options: tuple[str, ...]  # who could have been chosen, and led to something new
    waited: bool = False  # for a lock that another actor held
    over: bool = False


@dataclass
class Run:
    """What happened under one schedule."""

    steps: list[Step] = field(default_factory=list)
    redundant: bool = False  # a schedule before it was the same to PostgreSQL: it is left there
    done: list[tuple[str, str]] = field(default_factory=list)  # steps in the order of their ends
    outcomes: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def schedule(self) -> tuple[str, ...]:
        return tuple(step.actor for step in self.steps)

    def __str__(self) -> str:
        width = max(map(len, self.outcomes), default=0)
        lines = [
            f"  {step.actor:{width}}  {step.does}{'  (waits)' if step.waited else ''}"
            for step in self.steps
        ]
        ends = [f"  {name:{width}}  -> {outcome!r}" for name, outcome in self.outcomes.items()]
        return "\n".join([*lines, *ends, f"  replay: {' '.join(self.schedule)}"])


class Stage:
    """Keeps the threads and their connections from one schedule to the next."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.troupe: list[Actor] = []
        self.actors: dict[str, Actor] = {}  # of this run, by the names of their parts
        self._asleep: set[str] | None = None  # None: nobody ever sleeps

    def close(self) -> None:
        self._dismiss()
        connection.close_pool()  # its connections wait for locks without end

    def run(self, deeds: dict[str, Deed], prefix: Sequence[str], *, reduces: bool = True) -> Run:
        """Do the deeds in the order of the prefix, then the first that can go on each time.

        Raises `Strayed`, and AssertionError when an actor neither does its step nor waits.
        """
        self._asleep = set() if reduces else None
        try:
            return self._perform(self._cast(deeds), prefix)
        except BaseException:
            self._dismiss()  # or what they hold would keep everybody after them waiting
            raise

    def _perform(self, cast: list[Actor], prefix: Sequence[str]) -> Run:
        run = Run()
        while True:
            self._settle(cast)
            self._note(run)
            able = [actor for actor in cast if actor.state is State.ASKING]
            if not able:
                break
            awake = tuple(one.name for one in able if one.name not in (self._asleep or ()))
            run.redundant |= not awake
            if run.redundant and len(run.steps) >= len(prefix):
                self._dismiss()  # all that can follow has been tried
                break
            self._step(run, able, awake, prefix)
        run.outcomes = {actor.name: actor.outcome for actor in cast}
        run.errors = {actor.name: actor.errors for actor in cast if actor.errors}
        return run

    def _dismiss(self) -> None:
        for actor in self.troupe:
            actor.dismiss()
        for actor in self.troupe:
            actor.join(PATIENCE)
        self.troupe = []

    def _cast(self, deeds: dict[str, Deed]) -> list[Actor]:
        while len(self.troupe) < len(deeds):
            self.troupe.append(Actor(self.changed))
            self.troupe[-1].start()
        self.actors = dict(zip(deeds, self.troupe, strict=False))
        for name, actor in self.actors.items():
            actor.begin(name, deeds[name])
        return list(self.actors.values())

    def _step(
        self, run: Run, able: list[Actor], awake: tuple[str, ...], prefix: Sequence[str]
    ) -> None:
        taken = len(run.steps)
        names = [actor.name for actor in able]
        name = prefix[taken] if taken < len(prefix) else (awake or names)[0]
        if name not in names:
            raise Strayed(f"{name} cannot go on, only {names}:\n{run}")
        chosen = self.actors[name]
        run.steps.append(Step(name, chosen.step, awake or (name,)))
        self._lull(chosen, awake)
        with self.changed:
            chosen.grant()

    def _lull(self, chosen: Actor, awake: tuple[str, ...]) -> None:
        """Sleep sets (Godefroid, 1996).

        Who could have gone before the chosen has been tried there; for as long as only steps
        follow that commute with its own, to let it go leads to nothing new.
        """
        if self._asleep is None:
            return
        earlier = awake[: awake.index(chosen.name)] if chosen.name in awake else awake
        tried = self._asleep | set(earlier)
        self._asleep = {
            name for name in tried if self.actors[name].footprint.commutes(chosen.footprint)
        } - {chosen.name}
        if any(actor.state is State.STEPPING for actor in self.actors.values()):
            self._asleep = set()  # the step may let go who waits, and so do more than its own

    def _note(self, run: Run) -> None:
        """Who has done a step since the last one was granted: that one first, then who waited."""
        for step in reversed(run.steps):
            if self.actors[step.actor].state is State.STEPPING:
                step.waited = True
            elif not step.over:
                step.over = True
                run.done.append((step.actor, step.does))

    def _settle(self, cast: list[Actor]) -> None:
        """Wait until everybody asks, has finished, or waits for a lock that another holds."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with self.changed:
                if self.changed.wait_for(lambda: not stepping(cast), timeout=GLANCE):
                    return
                busy = stepping(cast)
            waiting = waiting_of([actor.pid for actor in cast if actor.pid])
            with self.changed:
                # somebody who ended meanwhile may have let go those who waited
                same = busy == stepping(cast)
                others_can = any(actor.state is State.ASKING for actor in cast)
                if same and others_can and all(actor.pid in waiting for actor in busy):
                    return
        raise AssertionError(f"{[actor.name for actor in busy]} neither end nor wait")


def stepping(cast: list[Actor]) -> list[Actor]:
    return [actor for actor in cast if actor.state is State.STEPPING]


def waiting_of(pids: list[int]) -> set[int]:
    """Those of the backends that wait for another of them: what a vacuum holds is let go soon."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM unnest(%s::int[]) AS pid WHERE pg_blocking_pids(pid) && %s::int[]",
            [pids, pids],
        )
        return {pid for (pid,) in cursor.fetchall()}
