"""`dev.py run --autoscale`: load rises and workers appear, it falls and they drain away."""

import asyncio
import json
import signal

import psycopg
import pytest

from tests.acceptance.local.stacks import LocalStack, stranger
from tests.system.account import Account
from tests.waiting import eventually

pytestmark = pytest.mark.slow

PEOPLE = 24
POOLS = {
    "default": {
        "maximum": 3,
        "scaling": {
            "signal": "slots",
            "upper": 0.7,
            "lower": 0.3,
            "up_cooldown": 1,
            "down_cooldown": 3,
            "step": 2,
        },
    }
}
LIVE = "SELECT count(*) FROM workers_workerprocess WHERE pool = 'default'"
TURNS = """
    SELECT count(*) FILTER (WHERE state = 'completed'), count(*), sum(crashes)
    FROM conversations_turn
"""
ANSWERING = "SELECT count(DISTINCT worker_name) FROM conversations_turn WHERE state = 'completed'"
SIZES = "SELECT wanted FROM workers_scalingdecision WHERE pool = 'default' ORDER BY at"


@pytest.fixture
def stack(new_checkout):
    environment = stranger() | {"POOLS": json.dumps(POOLS), "WORKER_SLOTS": "10", "DEMO_PACE": "20"}
    stack = LocalStack(new_checkout(), "--autoscale", "--replicas", "1", env=environment)
    try:
        yield stack.await_line("account ")
    finally:
        stack.stop(signal.SIGTERM)


class Rows:
    """What the stack's PostgreSQL holds."""

    def __init__(self, stack: LocalStack) -> None:
        lines = (stack.checkout / ".local/env").read_text().splitlines()
        told = dict(line.split("=", 1) for line in lines)
        self.url = told["DATABASE_URL"].strip("'")

    def __call__(self, statement: str) -> list[tuple]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement).fetchall()

    @property
    def workers(self) -> int:
        return self(LIVE)[0][0]

    @property
    def share_the_load(self) -> bool:
        """All that may come are there, and others than the first have answered."""
        return self.workers == 3 and self(ANSWERING)[0][0] > 1


async def talk(account: Account, port: int, over: asyncio.Event) -> int:
    """Ask one thing after the other in a conversation of its own; how many."""
    begun, asked = await asyncio.to_thread(account.begin, "demo"), 0
    async with account.tab(port, begun) as tab:
        while not over.is_set():
            ended = await tab.ended(await tab.ask("Count to 60"))
            assert ended.final == "response.completed"
            asked += 1
    return asked


async def crowd(account: Account, port: int, rows: Rows) -> int:
    """Everybody talks until the load is shared, however long a worker takes to start."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as people:
        talks = [people.create_task(talk(account, port, over)) for _ in range(PEOPLE)]
        await asyncio.to_thread(eventually, lambda: rows.share_the_load)
        over.set()
    return sum(each.result() for each in talks)


def test_workers_come_with_the_load_and_go_with_it_and_nothing_is_lost(stack):
    rows = Rows(stack)
    assert rows.workers == 1
    asked = asyncio.run(crowd(Account(stack.port), stack.port, rows))
    assert rows(TURNS) == [(asked, asked, 0)]
    eventually(lambda: rows.workers == 1)
    sizes = [wanted for (wanted,) in rows(SIZES)]
    assert max(sizes) == 3
    assert sizes[-1] == 1
    assert stack.stop(signal.SIGTERM) == 0
    assert stack.everybody() == []
