"""The environment of the local stack: what is given, what an earlier run made, what is new."""

import json
import secrets
from collections.abc import Mapping

OWN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_ORIGINS", "DEMO_USER", "DEMO_PASSWORD")
# .local/env says them again, so that a worker that is added by it is like those of the stack
REPEATED = (
    *("AGENT", "DATABASE_", "DEMO_", "DISTRIBUTION", "DJANGO_", "DYNAMODB_", "FLEET"),
    *("METRICS_DIR", "MONGODB_", "OPENAI_", "OWNER_TIERS", "POOLS", "PROVIDER_", "PYTHONPATH"),
    *("QUEUE_", "REDIS_", "ROUTING", "SEALED_", "SECRET_KEY_", "TOOL_", "WORKER_"),
)
MADE = "LOCAL_MADE"  # names the variables in .local/env that were not given


# One process of the usual size would serve this whole machine: small ones show what happens.
AUTOSCALED = {
    "WORKER_SLOTS": "10",
    "POOLS": """{"default": {"maximum": 4, "scaling": {
        "signal": "slots", "upper": 0.7, "lower": 0.3, "up_cooldown": 2, "down_cooldown": 10
    }}}""",
}


def tool_servers(port: int) -> str:
    """The demo's tool server, which is on this machine."""
    return json.dumps({"demo": {"calendar": {"url": f"http://127.0.0.1:{port}/mcp"}}})


def given(environment: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """What somebody chose. A shell that has read .local/env only repeats what we made."""
    made = before.get(MADE, "").split()
    return {
        name: value
        for name, value in environment.items()
        if name in OWN or name.startswith(REPEATED)
        if name not in made or value != before[name]
    }


def made(before: Mapping[str, str], port: int, *, tools_port: int) -> dict[str, str]:
    """What we choose ourselves; a key and a password are chosen once."""
    return {
        "SECRET_KEY": before.get("SECRET_KEY") or secrets.token_urlsafe(48),
        "ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
        "DEMO_USER": "demo",
        "DEMO_PASSWORD": before.get("DEMO_PASSWORD") or secrets.token_urlsafe(12),
        "TOOL_SERVERS": tool_servers(tools_port),
        "TOOL_NETWORKS": "127.0.0.0/8",
    }
