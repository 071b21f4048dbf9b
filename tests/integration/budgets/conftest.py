"""A turn between taps: a tool-less one of 20 deltas, 800 characters."""

import asyncio

import pytest
from django.db import connection
from django.db import connections as databases

from conversations import protocol, runner, turns
from conversations.models import Conversation, Turn
from conversations.threads import in_thread
from tests.integration.budgets.costs import Cost, cost_of
from tests.integration.runner.conftest import clients
from tests.taps import Tap
from tests.waiting import GENEROUS

__all__ = ["clients"]

AGENTS = "tests.integration.budgets.agents"


@pytest.fixture(autouse=True)
def agents(settings):
    settings.AGENTS = {
        "demo": {"agent": f"{AGENTS}.agent"},
        "many": {"agent": f"{AGENTS}.many"},
        "long": {"agent": f"{AGENTS}.long"},
        "steady": {"agent": f"{AGENTS}.steady"},
    }


@pytest.fixture
def sql(transactional_db):
    """Between the site and PostgreSQL."""
    address = databases.settings["default"]
    there = {"HOST": address["HOST"], "PORT": address["PORT"]}
    with Tap(f"postgresql://{there['HOST']}:{there['PORT']}") as tap:
        send_to(address, {"HOST": "127.0.0.1", "PORT": str(tap.port)})
        yield tap
        send_to(address, there)


def send_to(settings_dict, address) -> None:
    """Connections that are made from now on go there, in whatever thread."""
    connection.close()
    connection.close_pool()
    settings_dict.update(address)


@pytest.fixture
def turn(conversation, worker_row):
    """Answers one message of the conversation."""

    async def answer() -> None:
        items = [protocol.user_message("Hello, how are you today?")]
        await in_thread(turns.accept, conversation.id, conversation.owner_id, items)
        async with asyncio.timeout(GENEROUS):
            await runner.answer(conversation.id, worker=worker_row.id, pool="default")

    return answer


@pytest.fixture
def counted(turn, sql, live, conversation):
    """The cost of a turn once all is warm: connections, scripts, the hot copy."""

    async def count() -> Cost:
        costs = []
        for _ in range(4):
            sql.clear()
            live.clear()
            await turn()
            costs.append(cost_of(sql))
        assert await in_thread(completed, conversation) >= 4
        return min(costs, key=lambda cost: cost.round_trips)

    return count


def completed(conversation: Conversation) -> int:
    turns = Turn.objects.filter(conversation=conversation)
    assert {turn.state for turn in turns} == {Turn.State.COMPLETED}
    return len(turns)


@pytest.fixture
def written(turn):
    """Bytes of WAL that a turn writes. Others may write at the same time, which only adds."""

    async def measure() -> int:
        grown = []
        for _ in range(6):
            before = await in_thread(position)
            await turn()
            grown.append(await in_thread(position) - before)
        return min(grown)

    return measure


def position() -> int:
    """How many bytes of WAL the server has written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return int(cursor.fetchone()[0])
