"""The model providers: which models there are, which of them is asked, and how much they permit."""

from typing import Any

from agentsite import env

# By `provider/model`, `provider/*` or `*`: the terms in workers.ratelimit.terms. Empty: no limits.
PROVIDER_LIMITS: dict[str, dict[str, Any]] = env.mapping("PROVIDER_LIMITS")
# By name: what workers.agents.choices.Choice tells. Empty: AGENT_MODEL alone.
AGENT_MODELS: dict[str, dict[str, Any]] = env.mapping("AGENT_MODELS")
# By any name, in order: the rules of workers.agents.choices.Rule. The first that fits is followed.
AGENT_ROUTES: dict[str, dict[str, Any]] = env.mapping("AGENT_ROUTES")
