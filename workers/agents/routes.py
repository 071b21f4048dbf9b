"""The model that asks others: those that `choices` names for a request, until one answers."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from workers import ratelimit
from workers.agents.budgeted import Budgeted
from workers.agents.choices import Choice, Rule, choose
from workers.agents.estimates import tokens


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
