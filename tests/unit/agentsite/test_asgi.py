import os
import subprocess
import sys

LOAD = """
import sys
import agentsite.asgi
from workers.observing import tracing
with tracing.span("request"):
    tracing.traceparent()
heavy = {"pydantic_ai", "openai", "mcp", "opentelemetry.exporter"}
print(heavy & sys.modules.keys())
"""


def test_a_replica_never_loads_what_only_workers_and_who_collects_traces_need():
    environment = {**os.environ, "TRACES_URL": ""}
    said = subprocess.check_output([sys.executable, "-c", LOAD], text=True, env=environment)
    assert said.strip() == "set()"
