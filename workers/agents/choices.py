"""Which model is asked: the settings' rules, by length, queue and cost. Pure, and light."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One entry of AGENT_MODELS: a model that may be asked."""

    model: str
    base_url: str = ""
    api_key: str = ""
    provider: str = ""  # whose limits it keeps to; without one the host:port of its base_url
    cost: float = 0  # of a token, in any unit: only compared
    longest: int = 0  # tokens of a prompt that it takes; 0: any

    def __post_init__(self) -> None:
        if "/" in self.provider:
            raise ValueError("a provider has no / in its name")
        server(self.base_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of AGENT_ROUTES: when it fits, these models are tried in this order."""

    models: Sequence[str] = ()  # names in AGENT_MODELS; none: all
    queues: Sequence[str] = ()  # as `workers.routing.TIERS` has them; none: any
    shorter: int = 0  # it fits prompts below so many tokens; 0: any
    longer: int = 0  # it fits prompts from so many tokens on
    cheapest: bool = False  # in the order of their costs instead
    wait: float = 5  # seconds that one is waited for while another is left

    def fits(self, *, length: int, queue: str) -> bool:
        return (
            (not self.queues or queue in self.queues)
            and (not self.shorter or length < self.shorter)
            and length >= self.longer
        )

    def order(self, choices: Mapping[str, Choice], *, length: int) -> list[str]:
        """The models to try; never none."""
        names = list(self.models) or list(choices)
        if self.cheapest:
            names.sort(key=lambda name: choices[name].cost)
        roomy = [name for name in names if not 0 < choices[name].longest < length]
        return roomy or [max(names, key=lambda name: choices[name].longest)]


def server(base_url: str) -> str:
    """The host:port of a URL, empty for none. Raises ValueError where there is no such port."""
    address = urlsplit(base_url)
    port = address.port or PORTS.get(address.scheme)
    return f"{address.hostname}:{port}" if base_url else ""


def choose(rules: Iterable[Rule], *, length: int, queue: str) -> Rule:
    """The first rule that fits; without one, every model in the order of the settings."""
    return next((rule for rule in rules if rule.fits(length=length, queue=queue)), Rule())
