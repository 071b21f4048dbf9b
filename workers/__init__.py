"""The engine room: processes that run tasks. Knows nothing of conversations."""
