"""Logs, metrics and traces: where they go and who may read them."""

from agentsite import env, hidden

LOGGING_CONFIG = "agentsite.logs.configure"
LOGGING = {
    "level": env.choice("LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL"),
    "stream": env.choice("LOG_STREAM", "stdout", "stderr"),
    "capacity": env.integer("LOG_CAPACITY", 10_000, least=1),  # lines that wait; more are dropped
    "service": {
        "address": env.text("LOG_SERVICE_URL"),  # such as http://collector:4318/v1/logs
        "form": env.choice("LOG_SERVICE_FORM", "otlp", "json"),
        "headers": env.mapping("LOG_SERVICE_HEADERS"),
    },
    "secrets": hidden.secrets(),
}

# One directory a host (or container), shared by all its processes; empty: each shows only itself.
METRICS_DIR = env.text("METRICS_DIR")
# Whoever bears it may read /metrics; empty: only who asks from the same machine.
METRICS_TOKEN = env.text("METRICS_TOKEN")
# Where a worker shows its metrics and probes over HTTP; 0: nowhere.
WORKER_HTTP_PORT = env.integer("WORKER_HTTP_PORT", 0, most=65_535)
WORKER_HTTP_HOST = env.text("WORKER_HTTP_HOST", "127.0.0.1")
# OpenTelemetry, of the extras: such as http://collector:4318/v1/traces; empty: no traces.
TRACES_URL = env.text("TRACES_URL")
TRACES_HEADERS = env.mapping("TRACES_HEADERS")
TRACES_SHARE = env.integer("TRACES_PERCENT", 100, most=100) / 100  # of the traces that begin here
