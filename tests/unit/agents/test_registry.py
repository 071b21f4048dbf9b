import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from workers.agents import registry

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"


def test_an_entry_may_leave_out_all_but_the_agent(settings):
    settings.AGENTS = {"plain": {"agent": "some.where", "queue": None}}
    options = registry.options("plain")
    assert (options.store, options.queue, options.deps) == ("hybrid", None, "")


def test_a_key_that_nobody_knows_is_refused(settings):
    settings.AGENTS = {"plain": {"agent": "some.where", "colour": "blue"}}
    with pytest.raises(TypeError, match="colour"):
        registry.options("plain")


def test_a_parameter_that_nobody_knows_is_refused(settings):
    settings.AGENTS = {"plain": {"agent": "some.where", "parameters": ["top_p", "colour"]}}
    with pytest.raises(TypeError, match="no parameter colour"):
        registry.options("plain")


def test_an_agent_that_is_not_in_the_settings_is_unknown():
    with pytest.raises(registry.UnknownAgent):
        registry.options("nobody")


def test_the_default_agent_is_named_first(settings):
    settings.AGENTS = {"a": {}, "b": {}, "c": {}}
    settings.AGENT_DEFAULT = "b"
    assert registry.names() == ["b", "a", "c"]


def test_the_deps_factory_is_given_whose_conversation_it_is(settings):
    settings.AGENTS = {"x": {"agent": "some.where", "deps": "builtins.dict"}}
    given = {"conversation_id": "c", "owner_id": 7, "metadata": {}}
    assert registry.deps("x", **given) == given


def run(code, **environment):
    script = f"import django; django.setup()\n{code}"
    settings = environment.pop("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"DJANGO_SETTINGS_MODULE": settings, "PATH": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_replica_reads_options_without_importing_pydantic_ai():
    code = "import sys; from workers.agents import registry; registry.options('demo')"
    assert run(f"{code}; print('pydantic_ai' in sys.modules)") == "False"


OUTSIDE = """
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

agent = Agent(TestModel(custom_output_text="I live outside"))
"""
ANSWER = "from workers.agents import registry; print(registry.agent('shop').run_sync('hi').output)"


@pytest.fixture
def outside(tmp_path):
    (tmp_path / "shop.py").write_text(OUTSIDE)
    return tmp_path


def test_a_project_adds_its_agent_by_one_variable(outside):
    agents = '{"shop": {"agent": "shop.agent"}}'
    assert run(ANSWER, PYTHONPATH=f"{outside}:.", AGENTS=agents) == "I live outside"


CLERK = """
from django.urls import reverse
from workers.agents import registry

of = {"conversation_id": None, "owner_id": 7, "metadata": {}}
print(*registry.names(), registry.deps("clerk", **of), reverse("login"))
print(registry.agent("clerk").model.model_name, *registry.agent("clerk").toolsets[0].tools)
"""


def test_the_project_of_the_guide_is_served_as_it_stands_there(tmp_path):
    guide = (ROOT / "docs/agents.md").read_text().partition("## A project of your own")[2]
    (tmp_path / "shop").mkdir()
    files = re.findall(r"```python\n# (shop/\w+\.py)\n(.*?)```", guide, re.DOTALL)
    for name, text in [("shop/__init__.py", ""), *files]:
        (tmp_path / name).write_text(text)
    [exported] = re.findall(r"^export (.*)$", guide, re.MULTILINE)
    environment = dict(word.split("=", 1) for word in exported.split())
    environment |= {"PYTHONPATH": f"{tmp_path}:.", "AGENT_MODEL": "some-model"}
    assert run(CLERK, **environment).splitlines() == [
        "clerk assistant carried demo Deps(owner_id=7) /login/",
        "some-model customer",
    ]


PIRATE = """
from pydantic_ai.models.test import TestModel
from workers.agents import registry

pirate = registry.agent("pirate")
with pirate.override(model=TestModel()):
    print(pirate.model.model_name, pirate.run_sync("hi").output)
"""


def test_the_agent_of_the_readme_answers_as_the_readme_starts_it(outside):
    section = README.read_text().partition("## Your own agent")[2]
    agents, command = re.findall(r"```\w*\n(.*?)```", section, re.DOTALL)[:2]
    (outside / "myproject").mkdir()
    (outside / "myproject/agents.py").write_text(agents)
    words = shlex.split(command.replace("\\\n", ""))
    environment = dict(word.split("=", 1) for word in words[: words.index("python3")])
    said = run(PIRATE, PYTHONPATH=f"{outside}:.", **environment)
    assert said == 'gpt-4.1-mini {"weather":"Fair winds."}'


def test_a_project_may_have_users_of_its_own(tmp_path):
    files = {
        "__init__": "",
        "settings": "from agentsite.settings import *\n"
        'INSTALLED_APPS = [*INSTALLED_APPS, "shop"]\nAUTH_USER_MODEL = "shop.Customer"\n',
        "models": "from django.contrib.auth.models import AbstractUser\n"
        "from django.db.models import EmailField\n"
        'class Customer(AbstractUser):\n    USERNAME_FIELD = "email"\n    username = None\n'
        "    email = EmailField(unique=True)\n",
    }
    (tmp_path / "shop").mkdir()
    for name, text in files.items():
        (tmp_path / f"shop/{name}.py").write_text(text)
    code = "from agentsite.accounts import SignUp; print(*SignUp.form_class.base_fields)"
    environment = {"PYTHONPATH": f"{tmp_path}:.", "DJANGO_SETTINGS_MODULE": "shop.settings"}
    assert run(code, **environment) == "email password1 password2"


def test_the_assistant_is_offered_only_when_there_is_a_model():
    code = "from workers.agents import registry; print(*registry.names())"
    assert "assistant" not in run(code)
    assert run(code, AGENT_MODEL="some-model").startswith("assistant ")


async def test_warming_up_survives_an_agent_that_cannot_be_imported(settings):
    settings.AGENTS = {**settings.AGENTS, "broken": {"agent": "no.such.module"}}
    await registry.warm_up()


LATE = """
import asyncio, sys
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
from workers.agents import registry, tools

async def work():
    await registry.warm_up()
    remote = tools.servers(registry.options("demo").mcp, registry.agent("demo"))
    before = set(sys.modules)
    async with Agent(TestModel(call_tools=[]), toolsets=remote).run_stream("hi") as reply:
        print(await reply.get_output(), len(set(sys.modules) - before))

asyncio.run(work())
"""


def test_no_turn_waits_for_the_library_that_speaks_to_tool_servers():
    """800 modules, and a second and a half in which all turns of a worker would stand still."""
    away = {
        "demo": {"agent": "workers.agents.demo.agent", "mcp": {"x": {"url": "http://[::1]:1/mcp"}}}
    }
    said, late = (
        run(LATE, AGENTS=json.dumps(away), TOOL_NETWORKS="::1").split("\n")[-1].rsplit(" ", 1)
    )
    assert said == "success (no tool calls)"
    assert int(late) < 10
