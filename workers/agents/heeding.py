"""Which settings of a request a model leaves out without a word, as pydantic-ai's profiles tell.

The profiles are public; the rule that reads OpenAI's is not, nor is there a word for what was left
out. So it stands here again, and tests hold it to the requests that pydantic-ai makes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import structlog
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.profiles.openai import SAMPLING_PARAMS

# Of profiles, with the settings that their models take none of.
REFUSALS = ("anthropic_disallows_sampling_settings", "bedrock_disallows_sampling_settings")
REFUSED = {"temperature", "top_p"}

Settings = Mapping[str, Any]

log = structlog.get_logger(__name__)


def note(name: str, agent: Agent[Any, Any], parameters: Iterable[str]) -> None:
    """Log those that the settings let requests set in vain: `parameters` of the agent mends it."""
    own = agent.model_settings if isinstance(agent.model_settings, Mapping) else {}
    for model, left in unheeded(agent.model, dict.fromkeys(parameters), own).items():
        log.warning("agent_leaves_out_parameters", agent=name, model=model, parameters=left)


def unheeded(model: object, settings: Settings, own: Settings) -> dict[str, list[str]]:
    """By the name of each model that may be asked, those of a request's settings that it leaves out.

    `own`: the agent's, which say whether it reasons.
    """
    found = {
        one.model_name: [name for name in settings if name in _left_out(one, own)]
        for one in _asked(model)
    }
    return {name: left for name, left in found.items() if left}


def _asked(model: object) -> Iterator[Model]:
    """Those behind wrappers and fallbacks; an agent may have none, or only a name."""
    if isinstance(model, FallbackModel):
        for one in model.models:
            yield from _asked(one)
    elif isinstance(model, WrapperModel):
        yield from _asked(model.wrapped)
    elif isinstance(model, Model):
        yield model


def _left_out(model: Model, own: Settings) -> set[str]:
    profile: Settings = model.profile
    left = {*model.unsupported_settings, *profile.get("openai_unsupported_model_settings", ())}
    if _reasons(profile, own):
        left |= set(SAMPLING_PARAMS)
    if any(profile.get(name) for name in REFUSALS):
        left |= REFUSED
    return left


def _reasons(profile: Settings, own: Settings) -> bool:
    """Whether it is one of OpenAI's that reasons: while it does, it takes nothing of sampling."""
    if not profile.get("openai_supports_reasoning"):
        return False
    efforts = profile.get("openai_reasoning_efforts")
    can_stop = (
        profile.get("openai_supports_reasoning_effort_none")
        if efforts is None
        else ("none" in efforts)
    )
    return not can_stop or _is_on(profile, own)


def _is_on(profile: Settings, own: Settings) -> bool:
    effort, thinking = own.get("openai_reasoning_effort"), own.get("thinking")
    if effort is not None:
        return bool(effort != "none")
    if thinking is not None:
        return thinking is not False or bool(profile.get("thinking_always_enabled"))
    return bool(profile.get("thinking_enabled_by_default"))
