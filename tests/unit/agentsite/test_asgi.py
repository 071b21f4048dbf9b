import subprocess
import sys

LOAD = "import agentsite.asgi, sys; print({'pydantic_ai', 'openai', 'mcp'} & sys.modules.keys())"


def test_a_replica_never_loads_what_only_workers_need():
    said = subprocess.check_output([sys.executable, "-c", LOAD], text=True)
    assert said.strip() == "set()"
