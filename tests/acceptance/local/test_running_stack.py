"""`dev.py run` while it runs."""

import asyncio
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from urllib.error import HTTPError

import psycopg
import pytest

from devtools import readiness
from devtools.local import Folder
from devtools.ports import free_port
from tests.acceptance.local.stacks import stranger
from tests.provider import Provider
from tests.system.account import Account
from tests.unit.devtools.processes import await_end
from tests.waiting import GENEROUS, eventually

pytestmark = pytest.mark.slow

SHELL = """
set -a; . .local/env; set +a
.venv/bin/python manage.py shell -v 0 -c '
from django.contrib.auth import authenticate
import os
user = authenticate(username=os.environ["DEMO_USER"], password=os.environ["DEMO_PASSWORD"])
print(user.is_staff)'
"""

JOIN = """
set -a; . .local/env; set +a
exec .venv/bin/python manage.py rqworker --worker-class workers.worker.AgentWorker \\
    interactive default batch
"""
ANSWERED = """
SELECT DISTINCT process.pid
FROM conversations_turn turn JOIN workers_workerprocess process ON process.id = turn.worker
"""
STEPS = [
    r"PostgreSQL on port \d+, data in .+/\.local/postgresql",
    r"(Redis|Valkey) [\d.]+ on port \d+",
    r"tables are up to date",
    r"tool server on port \d+",
    r"2 replicas on ports \d+, \d+",
    r"2 workers",
    r"ready http://127\.0\.0\.1:{port}/",
    r"account demo password [\w-]{{16}}",
]


def test_it_says_a_line_for_each_step_and_answers_when_it_is_ready(stack):
    for step, line in zip(STEPS, stack.said, strict=False):
        assert re.fullmatch(step.format(port=stack.port), line)
    assert len(stack.said) >= len(STEPS)
    assert stack.get("/readyz")[0] == 200


def test_replicas_are_asked_in_turn(stack):
    for number in range(4):
        with suppress(HTTPError):  # there is no such page; its address is in the log
            stack.get(f"/turn-{number}")

    def heard(name):
        log = (stack.checkout / f".local/logs/{name}.log").read_text()
        return len(re.findall(r'"path": "/turn-\d"', log))

    eventually(lambda: heard("replica-1") + heard("replica-2") == 4)  # logs are written later
    assert heard("replica-1") == 2


def test_it_lists_its_replicas_and_workers(stack):
    assert set(stack.processes()) == {"replica-1", "replica-2", "worker-1", "worker-2"}
    for replica in stack.processes("replica").values():
        with socket.create_connection(("127.0.0.1", replica["port"])):
            os.kill(replica["pid"], 0)


def test_the_demos_tool_server_is_where_its_variables_say(stack):
    lines = (stack.checkout / ".local/env").read_text().splitlines()
    found = next(line for line in lines if line.startswith("TOOL_SERVERS="))
    [port] = re.findall(r":(\d+)/mcp", found)
    assert any(line == f"tool server on port {port}" for line in stack.said)
    with socket.create_connection(("127.0.0.1", int(port)), timeout=30):
        pass


def test_another_terminal_works_with_its_variables_and_account(stack):
    env = stack.checkout / ".local/env"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    said = subprocess.check_output(
        ["sh", "-c", SHELL], cwd=stack.checkout, env=stranger(), text=True
    )
    assert said.split()[-1] == "True"


@pytest.fixture
def joined(stack):
    """A worker that somebody started in another terminal."""
    with (
        (stack.checkout / ".local/joined.log").open("w") as log,
        subprocess.Popen(
            ["sh", "-c", JOIN], cwd=stack.checkout, env=stranger(), stdout=log, stderr=log
        ) as worker,
    ):
        yield worker.pid
        worker.terminate()


async def test_the_given_model_answers_through_a_worker_that_joined(stack, joined, provider_port):
    url = Folder(stack.checkout / ".local").variables()["DATABASE_URL"]
    await asyncio.to_thread(eventually, lambda: readiness.workers(url, [joined]))
    account = Account(stack.port)
    async with (
        Provider(port=provider_port) as provider,
        account.tab(stack.port, account.begin()) as tab,
        asyncio.timeout(GENEROUS),
    ):
        while joined not in answered(url):  # each of the three is asked in its turn
            assert await tab.answer("Who answers?") == "Who answers? "
    assert {call["model"] for call in provider.calls} == {"echo"}
    assert provider.keys == {"Bearer of-a-person"}


def answered(url):
    """The pids of the workers that have."""
    with psycopg.connect(url) as connection:
        return {pid for (pid,) in connection.execute(ANSWERED)}


def test_who_joins_by_its_variables_counts_and_tells_with_the_others(stack):
    told = (stack.checkout / ".local/env").read_text().splitlines()
    for name, folder in (("METRICS_DIR", "metrics"), ("WORKER_STATUS_DIR", "status")):
        assert f"{name}={stack.checkout / '.local' / folder}" in told
        assert any((stack.checkout / ".local" / folder).iterdir())


@pytest.mark.parametrize("name", ["replica-1", "worker-2"])
def test_a_killed_process_is_started_again(stack, name):
    pid = stack.processes()[name]["pid"]
    os.kill(pid, signal.SIGKILL)
    await_end(pid)  # until then it may take a connection, and let it drop
    assert stack.get("/livez")[0] == 200  # the other replica serves meanwhile
    stack.await_line(f"{name} runs again")
    assert stack.processes()[name]["pid"] != pid


def run(folder, port):
    """A stack that is expected not to start."""
    command = [sys.executable, "-m", "devtools", "run", "--port", str(port)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_second_one_in_the_same_checkout_is_refused(stack):
    ended = run(stack.checkout, free_port())
    assert ended.returncode == 1
    assert ended.stdout.startswith("not started: the stack of this checkout is running already;")


def test_a_taken_port_is_said_with_the_mend(stack, new_checkout):
    ended = run(new_checkout(), stack.port)
    assert ended.returncode == 1
    assert re.match(rf"not started: port {stack.port} is taken; .* --port \d+\n$", ended.stdout)


def test_two_checkouts_run_side_by_side_and_a_killed_supervisor_leaves_nobody(stack, start):
    other = start("--replicas", "1", "--workers", "1")
    assert set(other.processes()) == {"replica-1", "worker-1"}
    assert other.get("/readyz")[0] == stack.get("/readyz")[0] == 200
    assert len(other.everybody()) > 8
    other.process.kill()
    assert other.stop() == -signal.SIGKILL
    eventually(lambda: other.everybody() == [])
    assert stack.get("/readyz")[0] == 200
