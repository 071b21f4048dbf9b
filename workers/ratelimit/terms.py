"""What a provider permits, as settings.PROVIDER_LIMITS tells it for each of its models."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings

SECOND = 1_000_000  # microseconds, the unit of all times in a book
MINUTE = 60 * SECOND
ANY = "*"
UNNAMED = "compatible"  # the provider at AGENT_BASE_URL, and any that goes by its host:port


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One entry of PROVIDER_LIMITS; a key that is not here is a mistake in the settings."""

    requests_per_minute: float = 0  # 0: no limit
    tokens_per_minute: float = 0  # of prompts and replies together; 0: no limit
    burst: float = 5  # seconds: how much of the limit may go at once after a quiet time
    patience: float = 300  # seconds that a turn waits for its place
    failures: int = 5  # in a row, until the circuit opens
    rest: float = 15  # seconds until a probe is let through; doubled when that fails
    weights: Mapping[str, float] = field(default_factory=dict)  # of queues; 1 where none is named

    @property
    def request(self) -> int:
        """Microseconds of the limit that one request takes."""
        return round(MINUTE / self.requests_per_minute) if self.requests_per_minute else 0

    @property
    def token(self) -> float:
        """Microseconds of the limit that one token takes."""
        return MINUTE / self.tokens_per_minute if self.tokens_per_minute else 0

    @property
    def request_burst(self) -> int:
        """Microseconds; at least one request must fit."""
        return max(round(self.burst * SECOND), self.request) if self.request else 0

    @property
    def token_burst(self) -> int:
        return max(round(self.burst * SECOND), 1) if self.token else 0

    def split(self, parts: int) -> "Terms":
        """One of so many equal parts of what is permitted."""
        return replace(
            self,
            requests_per_minute=self.requests_per_minute / parts,
            tokens_per_minute=self.tokens_per_minute / parts,
        )


def terms(name: str) -> Terms | None:
    """What is permitted of `provider/model`: its own entry, else that of `provider/*`, else of `*`."""
    provider, _, model = name.partition("/")
    names = [provider, UNNAMED] if ":" in provider else [provider]
    for key in (*(f"{one}/{which}" for one in names for which in (model, ANY)), ANY):
        if (entry := settings.PROVIDER_LIMITS.get(key)) is not None:
            return read(entry)
    return None


def read(entry: Mapping[str, Any]) -> Terms:
    """Raises TypeError or ValueError, with words for whoever wrote the settings."""
    found = Terms(**entry)
    numbers = [found.requests_per_minute, found.tokens_per_minute, found.burst, found.patience]
    if min(*numbers, found.failures - 1, found.rest) < 0:
        raise ValueError("no number may be negative, and failures is at least 1")
    if not isinstance(found.weights, Mapping):
        raise TypeError("weights is no mapping of queues to numbers")
    if any(weight <= 0 for weight in found.weights.values()):
        raise ValueError("a weight is above 0")
    return found
