"""The settings, a room each. Everything that differs between machines comes from the environment."""

from agentsite.settings.agents import *
from agentsite.settings.application import *
from agentsite.settings.data import *
from agentsite.settings.fleet import *
from agentsite.settings.launching import *
from agentsite.settings.limits import *
from agentsite.settings.observing import *
from agentsite.settings.provider import *
from agentsite.settings.sealing import *
from agentsite.settings.security import *

FINGERPRINTED = {
    "keys": ["SECRET_KEY", "SECRET_KEY_FALLBACKS"],
    "agents": ["AGENTS", "AGENT_DEFAULT", "AGENT_MODEL", "AGENT_BASE_URL", "AGENT_INSTRUCTIONS"],
    "models": ["AGENT_MODELS", "AGENT_ROUTES", "PROVIDER_LIMITS"],
    "stores": ["STORES", "STORE_DEFAULT"],
    "tasks": ["WORKER_TASKS"],
    "events": ["REDIS_LIVE_SERVERS"],
}
# In these a process that differs from all others takes no work; in the others it is only told.
FINGERPRINTS_BINDING = ["keys", "stores", "tasks", "events"]
