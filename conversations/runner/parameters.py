"""What a request sets of the model, as pydantic-ai takes it: over the agent's own settings."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic_ai import RunContext
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage

from workers.agents import notices
from workers.agents.heeding import unheeded

# Those that mean the same to a model, by the names of Open Responses and of pydantic-ai alike.
ALIKE = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "parallel_tool_calls")


class Parameters:
    """Those of one request, as `Turn.request` has them: the same in every attempt."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._set = cast(ModelSettings, {name: request[name] for name in ALIKE if name in request})
        self._most: int | None = request.get("max_output_tokens")

    def are_spent(self, usage: RunUsage) -> bool:
        """Whether the turn's earlier responses have taken all the tokens that it may."""
        return self._most is not None and usage.output_tokens >= self._most

    def settings(self, context: RunContext[Any]) -> ModelSettings:
        """For the next response of a run: it has what the earlier ones left, and the agent's bound."""
        found = self._set.copy()
        if self._most is not None:
            left = max(1, self._most - context.usage.output_tokens)
            own = (context.model_settings or {}).get("max_tokens", left)
            found["max_tokens"] = min(left, own)
        self._tell(found, context)
        return found

    def _tell(self, found: ModelSettings, context: RunContext[Any]) -> None:
        """What the model will not heed, to whoever asked for it."""
        for name, left in unheeded(context.model, found, context.model_settings or {}).items():
            what = " and ".join(left)
            notices.give(f"{name} takes no {what}: where it answers, that does not count.")
