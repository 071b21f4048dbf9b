"""Logs, metrics and traces: where they go and who may read them."""

from agentsite import env

# One directory a host (or container), shared by all its processes; empty: each shows only itself.
METRICS_DIR = env.text("METRICS_DIR")
