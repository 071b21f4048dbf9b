"""The site's own secrets, wherever the environment has them."""

import json
import os
import subprocess
import sys

import pytest

from agentsite import hidden
from agentsite.logs.lines import STRUCK

SAY = """
import os
import django
django.setup()
import structlog
structlog.get_logger("test").warning("said", words=os.environ["WORDS"].split())
"""
# None of these looks like a secret.
PLANTED = {
    "AGENT_MODELS": {"local": {"model": "m-harmless", "api_key": "planted-model"}},
    "AGENTS": {"a": {"agent": "x.harmless", "mcp": {"s": {"url": "u", "token": "planted-agent"}}}},
    "TOOL_SERVERS": {
        "b": {"s": {"url": "https://u:planted-in-url@tools/mcp", "token": "planted-t"}}
    },
    "LOG_SERVICE_HEADERS": {"Authorization": "Bearer planted-header", "X-Tenant": "planted-tenant"},
    "TRACES_HEADERS": {"x-api-key": "planted-traces"},
    "DATABASE_URL": "host=127.0.0.1 user=u password='planted db' dbname=harmless",
    "DATABASE_DIRECT_URL": "postgresql://u:planted%40direct@127.0.0.1/harmless",
    "SHOP_TOKEN": "planted-shop",
}


def test_a_line_holds_none_of_them(tmp_path):
    told = {name: v if isinstance(v, str) else json.dumps(v) for name, v in PLANTED.items()}
    (tmp_path / "models").write_text(told.pop("AGENT_MODELS"))
    words = ["model", "agent", "in-url", "t", "header", "tenant", "traces", "shop", "@direct"]
    said = [f"planted{word if word[0] == '@' else f'-{word}'}" for word in words]
    harmless = ["m-harmless", "x.harmless", "harmless"]
    environment = (
        os.environ
        | told
        | {
            "AGENT_MODELS_FILE": str(tmp_path / "models"),
            "DJANGO_SETTINGS_MODULE": "agentsite.settings",
            "WORDS": " ".join(said + harmless),
        }
    )
    line = subprocess.check_output([sys.executable, "-c", SAY], env=environment, text=True)
    assert json.loads(line)["words"] == [STRUCK] * len(said) + harmless


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("host=h password='a b\\'c'", "a b'c"),
        ("postgresql://u@h/d?password=query", "query"),
        ("redis+sentinel://:p1@a,b/m,redis://:p2@c", "p2"),
        ("http://[half", "http://[half"),
    ],
)
def test_the_password_of_an_address_is_found_however_it_is_written(address, password):
    assert password in set(hidden.passwords(address))
