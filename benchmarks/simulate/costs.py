"""What a turn costs, in seconds of CPU time: the only thing that the simulation takes from a run."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

FILE = Path(__file__).with_name("costs.json")
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
class Costs:
    """By place."""

    web: Cost
    worker: Cost
    postgresql: Cost
    redis: Cost
    others: Cost

    @classmethod
    def read(cls) -> Self:
        """As the last run that measured them has left them."""
        return cls(**{where: Cost(**cost) for where, cost in json.loads(FILE.read_text()).items()})

    def write(self) -> None:
        FILE.write_text(json.dumps(asdict(self), indent=2) + "\n")
