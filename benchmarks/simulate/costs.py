"""What a turn and a resting worker cost in CPU time: all that the simulation takes from a run.

Beside it lie `checks`: runs of the same day that the costs were not taken from, to compare with.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

FILE = Path(__file__).with_name("costs.json")
CHECKS = Path(__file__).with_name("checks.json")
WHERE = ("web", "worker", "postgresql", "redis", "others")  # others: provider and clients


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU time in one place."""

    turn: float  # whatever it says
    delta: float  # more, for each piece of the reply

    @classmethod
    def between(cls, few: tuple[int, float], many: tuple[int, float]) -> Self:
        """From two runs: (deltas of a turn, seconds a turn)."""
        delta = max(0.0, (many[1] - few[1]) / (many[0] - few[0]))
        return cls(max(0.0, few[1] - few[0] * delta), delta)

    def of(self, deltas: int) -> float:
        return self.turn + deltas * self.delta


@dataclass(frozen=True)
class Rest:
    """What each worker has others do while nothing is asked, in seconds of CPU time a second."""

    postgresql: float  # a renewal every other second, two looks a second
    redis: float  # about twenty commands a second, nearly all of role `queue`


@dataclass(frozen=True)
class Costs:
    """By place."""

    web: Cost
    worker: Cost
    postgresql: Cost
    redis: Cost
    others: Cost
    rest: Rest

    @classmethod
    def read(cls) -> Self:
        """As the last run that measured them has left them."""
        told = json.loads(FILE.read_text())
        return cls(rest=Rest(**told["rest"]), **{where: Cost(**told[where]) for where in WHERE})

    def write(self) -> None:
        FILE.write_text(json.dumps(asdict(self), indent=2) + "\n")


@dataclass(frozen=True)
class Check:
    """One run: who asked for what, and how many turns a second were answered."""

    clients: int
    deltas: int
    pace: float  # deltas a second; 0: all at once
    rate: float  # turns a second
    cores: float  # that others on the machine have left for it

    @classmethod
    def read(cls) -> list[Self]:
        return [cls(**told) for told in json.loads(CHECKS.read_text())]

    @staticmethod
    def write(checks: Sequence["Check"]) -> None:
        CHECKS.write_text(json.dumps([asdict(check) for check in checks], indent=2) + "\n")
