"""The agents that are served, the ready assistant's model, and where conversations are stored."""

from typing import Any

from agentsite import env
from agentsite.settings.data import DYNAMODB_TABLE, MONGODB_URL
from agentsite.settings.provider import AGENT_MODELS

AGENT_MODEL = env.text("AGENT_MODEL")
AGENT_BASE_URL = env.text("AGENT_BASE_URL")
AGENT_API_KEY = env.text("AGENT_API_KEY")
AGENT_TIMEOUT = env.integer("AGENT_TIMEOUT", 120, least=1)  # seconds of a provider's silence
AGENT_INSTRUCTIONS = env.text("AGENT_INSTRUCTIONS")
DEMO_PACE = env.integer("DEMO_PACE", 25)  # words a second; 0: all at once

# agent: a pydantic_ai.Agent by dotted path; deps: a factory by dotted path, called with the
# conversation's id, owner and metadata; store: a name in STORES; queue: a name in QUEUES; the rest
# in workers.agents.registry.Options. A project adds its own in a settings module that begins
# `from agentsite.settings import *`, or as JSON in the environment's AGENTS.
AGENTS: dict[str, dict[str, Any]] = {
    "demo": {"agent": "workers.agents.demo.agent", "deps": "conversations.records.of"},
    # The same, whose conversations are with their clients.
    "carried": {
        "agent": "workers.agents.demo.agent",
        "deps": "conversations.records.of",
        "store": "sealed",
    },
}
if AGENT_MODEL or AGENT_MODELS:
    AGENTS["assistant"] = {"agent": "workers.agents.assistant.agent"}
AGENTS |= env.objects("AGENTS")
# By agent and by a name of yours: the MCP servers whose tools it has, as JSON in the environment.
for _agent, _servers in env.objects("TOOL_SERVERS").items():
    AGENTS.setdefault(_agent, {})["mcp"] = _servers
# Networks of private addresses that the URLs of tools may lead to. Without them: none.
TOOL_NETWORKS = env.words("TOOL_NETWORKS")
AGENT_DEFAULT = env.text("AGENT_DEFAULT", "assistant" if "assistant" in AGENTS else "demo")
STORES = {
    "database": "conversations.stores.database.DatabaseStore",
    "hybrid": "conversations.stores.hybrid.HybridStore",
    "redis": "conversations.stores.redis.RedisStore",
    "sealed": "conversations.stores.sealed.SealedStore",
}
if MONGODB_URL:
    STORES["mongodb"] = "conversations.stores.mongo.MongoStore"
if DYNAMODB_TABLE:
    STORES["dynamodb"] = "conversations.stores.dynamo.DynamoStore"
STORE_DEFAULT = "hybrid"
