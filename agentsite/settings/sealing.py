"""Conversations that their clients carry: what a sealed state may be."""

from agentsite import env

# Seconds after the last answer.
SEALED_LIFETIME = env.integer("SEALED_LIFETIME", 30 * 86_400, least=1)
SEALED_STATE_LIMIT = env.integer("SEALED_STATE_LIMIT", 262_144, least=1)  # characters of a state
# Refuse a state that was moved on from, by a key in Redis (REDIS_STORE_URL) for each conversation.
SEALED_REGISTER = env.boolean("SEALED_REGISTER")
# Seconds that a message waits for a worker.
SEALED_PATIENCE = env.integer("SEALED_PATIENCE", 30, least=1)
