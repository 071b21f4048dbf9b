"""What is accepted at most and kept for how long."""

from agentsite import env

OPEN_TURNS = env.integer("OPEN_TURNS", 100, least=1)  # messages of one conversation that may wait
SOCKETS_PER_USER = env.integer("SOCKETS_PER_USER", 50)  # open at one replica; 0: no limit
# Days after the last message until `manage.py pruneconversations` deletes it; 0: kept for ever.
RETENTION_DAYS = env.integer("RETENTION_DAYS", 0)

API_REQUESTS_PER_MINUTE = env.integer("API_REQUESTS_PER_MINUTE", 600)  # of a key; 0: no limit
API_BODY_LIMIT = env.integer("API_BODY_LIMIT", 1_048_576, least=1)  # bytes of a request
