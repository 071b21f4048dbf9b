"""Which model is asked: the settings' rules, by length, queue and cost, and who stands in for whom."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from workers import ratelimit
from workers.agents.budgeted import Budgeted, tokens

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One entry of AGENT_MODELS: a model that may be asked."""

    model: str
    base_url: str = ""
    api_key: str = ""
    cost: float = 0  # of a token, in any unit: only compared
    longest: int = 0  # tokens of a prompt that it takes; 0: any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of AGENT_ROUTES: when it fits, these models are tried in this order."""

    models: Sequence[str] = ()  # names in AGENT_MODELS; none: all
    queues: Sequence[
        str
    ] = ()  # classes of work (`priority` is interactive, `flex` batch); none: any
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


def choose(rules: Iterable[Rule], *, length: int, queue: str) -> Rule:
    """The first rule that fits; without one, every model in the order of the settings."""
    return next((rule for rule in rules if rule.fits(length=length, queue=queue)), Rule())


class Routed(WrapperModel):
    """Asks, for each request, the models that the rules name until one answers."""

    def __init__(
        self, models: Mapping[str, Model], choices: Mapping[str, Choice], rules: Sequence[Rule]
    ) -> None:
        super().__init__(FallbackModel(*models.values()))
        self._models = models
        self._choices = choices
        self._rules = rules
        self._chains: dict[tuple[object, ...], Model] = {}

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        chain = self._chain(messages)
        return await chain.request(messages, model_settings, model_request_parameters)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        asked = messages, model_settings, model_request_parameters, run_context
        async with self._chain(messages).request_stream(*asked) as stream:
            yield stream

    def _chain(self, messages: Sequence[ModelMessage]) -> Model:
        """The models for one request, the last of which is waited for longest."""
        length = tokens(messages)
        rule = choose(self._rules, length=length, queue=ratelimit.caller().queue)
        names = rule.order(self._choices, length=length)
        key = (rule.wait, *names)
        if key not in self._chains:
            self._chains[key] = FallbackModel(*self._links(names, rule.wait))
        return self._chains[key]

    def _links(self, names: Sequence[str], wait: float) -> list[Budgeted]:
        links: list[Budgeted] = []
        for place, name in enumerate(names, start=1):
            links.append(
                Budgeted(
                    self._models[name],
                    patience=None if place == len(names) else wait,
                    stands_in_for=links[-1].name if links else "",
                )
            )
        return links
