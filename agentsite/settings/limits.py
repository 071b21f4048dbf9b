"""What is accepted at most and kept for how long."""

from agentsite import env

OPEN_TURNS = env.integer("OPEN_TURNS", 100)  # messages of one conversation that may wait
# Days after the last message until `manage.py pruneconversations` deletes it; 0: kept for ever.
RETENTION_DAYS = env.integer("RETENTION_DAYS", 0)
