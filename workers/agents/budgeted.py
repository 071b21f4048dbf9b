"""A model whose requests keep to the budget that all workers share (`workers.ratelimit`)."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog
from pydantic_ai import RunContext
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from workers import ratelimit
from workers.agents.estimates import Estimates, tokens, tokens_of_tools
from workers.observing import metrics
from workers.ratelimit import Admissions, Grant, Outcome, Reason, Refused

log = structlog.get_logger(__name__)
T = TypeVar("T")
PAUSE = 5  # seconds, after a 429 that names no time
LEAST = 1  # seconds; to be asked again at once would be refused at once, over and over
BROKEN = (ModelConnectionError, ModelRequestTimeout, ModelServerError, ModelUnavailableError)
TIMEOUTS = (ModelTimeoutError, ModelRequestTimeout)


class ProviderBusy(ModelRateLimitError):
    """The wait for a place in the shared budget would be too long."""


class ProviderDown(ModelUnavailableError):
    """The model was given up for a while, after failures in a row."""


class Budgeted(WrapperModel):
    """A model with a budget. `patience` is in seconds; None: what the limit's terms say.

    `stands_in_for` names the model that could not be had, where this one comes after another.
    """

    def __init__(
        self, wrapped: Model, *, patience: float | None = None, stands_in_for: str = ""
    ) -> None:
        super().__init__(wrapped)
        self._patience = patience
        self._stands_in_for = stands_in_for
        self._estimates = Estimates()
        metrics.PROVIDER_PAUSES.labels(self.name)  # shown from the start, as 0

    @property
    def name(self) -> str:
        """Of the budget: provider/model."""
        return f"{self.wrapped.system}/{self.wrapped.model_name}"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        asked = messages, model_settings, model_request_parameters
        async with self._passage(*asked) as passage:
            response = await passage.open(lambda: self.wrapped.request(*asked))
            self._finish(passage, response.usage)
            return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        asked = messages, model_settings, model_request_parameters
        async with self._passage(*asked) as passage, AsyncExitStack() as stack:
            stream = await passage.open(
                lambda: stack.enter_async_context(self.wrapped.request_stream(*asked, run_context))
            )
            yield stream
            self._finish(passage, stream.usage)

    def _passage(
        self,
        messages: Sequence[ModelMessage],
        model_settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> "Passage":
        if self._stands_in_for:
            metrics.FALLBACKS.labels(self._stands_in_for, self.name).inc()
        admissions = ratelimit.admissions_to(self.name)
        prompt = tokens(messages) + tokens_of_tools(parameters)
        estimate = self._estimates.of(prompt, most=(model_settings or {}).get("max_tokens"))
        patience = self._patience
        if patience is None:
            patience = admissions.terms.patience if admissions else 0
        return Passage(self.name, admissions, prompt, estimate, patience)

    def _finish(self, passage: "Passage", usage: RequestUsage) -> None:
        passage.finish(usage)
        self._estimates.learn(passage.prompt, usage)


class Passage:
    """One request: it waits for a place, is sent, and settles what it took."""

    def __init__(
        self, model: str, admissions: Admissions | None, prompt: int, tokens: int, patience: float
    ) -> None:
        """`prompt`: tokens of it, as guessed; `tokens`: of all, as reserved. `patience`: seconds."""
        self._model = model
        self.prompt = prompt
        self._admissions = admissions
        self._tokens = tokens
        self._deadline = time.monotonic() + patience
        self._grant: Grant | None = None
        self._is_sent = False  # and has no outcome yet
        self._began = time.monotonic()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None and self._is_sent:
            self._fail(error, spent=None)  # it had begun, so nobody knows what it took

    async def open(self, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` returns once it is its turn, again after each pause that patience permits."""
        while True:
            await self._enter()
            self._began, self._is_sent = time.monotonic(), True
            try:
                opened = await call()
            except Exception as error:
                self._fail(error, spent=None if isinstance(error, TIMEOUTS) else 0)
                if not self._may_try_again(error):
                    raise
                metrics.PROVIDER_RETRIES.labels(self._model).inc()
                continue
            if self._grant and self._grant.is_probe:
                self._settle(self._grant, outcome=Outcome.ALIVE)
            return opened

    def finish(self, usage: RequestUsage) -> None:
        """It ended with a whole reply."""
        for kind, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            metrics.PROVIDER_TOKENS.labels(self._model, kind).inc(count)
        self._leave("ok", spent=usage.total_tokens or None, outcome=Outcome.OK)

    async def _enter(self) -> None:
        if self._admissions is None:
            return
        patience = max(self._deadline - time.monotonic(), 0)
        try:
            self._grant = await self._admissions.admit(
                self._tokens, caller=ratelimit.caller(), patience=patience
            )
        except Refused as refused:
            kind = ProviderDown if refused.reason is Reason.DOWN else ProviderBusy
            raise kind(
                self._model, refused.reason, retry_after=round(refused.seconds, 3)
            ) from refused

    def _may_try_again(self, error: Exception) -> bool:
        if self._admissions is None or not isinstance(error, ModelRateLimitError):
            return False
        return time.monotonic() + pause_of(error) < self._deadline

    def _fail(self, error: BaseException, *, spent: int | None) -> None:
        pause = 0.0
        if isinstance(error, ModelRateLimitError) and self._admissions:
            metrics.PROVIDER_PAUSES.labels(self._model).inc()
            pause = pause_of(error)
            log.warning("provider_pause", model=self._model, seconds=pause)
        if isinstance(error, ModelRateLimitError):
            metrics.PROVIDER_REFUSALS.labels(self._model).inc()
        self._leave(named(error), spent=spent, outcome=outcome_of(error), pause=pause)

    def _leave(self, word: str, *, spent: int | None, outcome: Outcome, pause: float = 0) -> None:
        metrics.PROVIDER_REQUESTS.labels(self._model, word).inc()
        metrics.PROVIDER_TIME.labels(self._model).observe(time.monotonic() - self._began)
        grant, self._grant, self._is_sent = self._grant, None, False
        if grant is not None:
            self._settle(grant, tokens=spent, outcome=outcome, pause=pause)

    def _settle(self, grant: Grant, **told: Any) -> None:
        if self._admissions is not None:
            self._admissions.settle(grant, **told)


def pause_of(error: ModelRateLimitError) -> float:
    """Seconds for which nobody shall ask."""
    return PAUSE if error.retry_after is None else max(error.retry_after, LEAST)


def outcome_of(error: BaseException) -> Outcome:
    """What an error says of the provider's health; one that refuses is alive."""
    is_fault = isinstance(error, ModelHTTPError) and error.status_code >= 500
    if is_fault or isinstance(error, BROKEN):
        return Outcome.FAILED
    return Outcome.ALIVE if isinstance(error, ModelAPIError) else Outcome.NONE


def named(error: BaseException) -> str:
    """As the metrics name it."""
    if isinstance(error, TIMEOUTS):
        return "timeout"
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled"
    return "refused" if isinstance(error, ModelRateLimitError) else "failed"
