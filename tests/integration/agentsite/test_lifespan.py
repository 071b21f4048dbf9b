"""A replica's start, in a process of its own: what it sets is the process's."""

import subprocess
import sys

START = """
import asyncio, gc
import django

django.setup()
from agentsite import lifespan

messages = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]

async def receive():
    return messages.pop()

async def send(message):
    if message["type"] == "lifespan.startup.complete":
        print(gc.get_freeze_count())

asyncio.run(lifespan.application({"type": "lifespan"}, receive, send))
"""


def test_what_was_there_before_is_never_looked_through_for_cycles(site_environment):
    run = subprocess.run(
        [sys.executable, "-c", START],
        check=False,
        env=site_environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 10_000
