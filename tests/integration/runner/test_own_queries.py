"""Tools of a project ask its database as Django's users do; the worker keeps its connections."""

import threading
from contextlib import suppress

from django.contrib.auth import get_user_model
from django.db import OperationalError, connection

from conversations.models import Turn
from conversations.threads import in_thread
from tests.integration.runner import agents
from tests.waiting import GENEROUS, eventually

TOGETHER = 3  # calls that stand at the database at once
CALL = "[[tool name=people arguments={}]]"


def held() -> int:
    """Connections of the pool that somebody has."""
    stats = connection.pool.get_stats()
    return stats["pool_size"] - stats["pool_available"]


def drop(backend: int) -> None:
    """As a server that restarts drops a connection; what lies in the pool is looked after."""
    with suppress(OperationalError), connection.cursor() as cursor:  # it may be this very one
        cursor.execute("SELECT pg_terminate_backend(%s, %s)", [backend, GENEROUS * 1000])
    connection.close()
    connection.pool.check()


async def test_plain_tools_give_their_connections_back(talk):
    together = threading.Barrier(TOGETHER)

    def people() -> int:
        found = get_user_model().objects.count()
        together.wait(GENEROUS)
        return found

    before = held()
    with agents.agent.override(tools=[people]):
        turn = await talk.hear(f"[[tools {'people ' * TOGETHER}]]")
    assert turn.state == Turn.State.COMPLETED
    assert eventually(lambda: held() <= before)


async def test_a_plain_tool_has_a_connection_from_its_first_query_on(talk):
    found = []

    def people() -> int:
        found.append(connection.connection is not None)
        count = get_user_model().objects.count()
        found.append(connection.connection is not None)
        return count

    with agents.agent.override(tools=[people]):
        await talk.hear(CALL)
    assert found == [False, True]


async def test_a_tool_that_awaits_its_queries_outlives_a_lost_connection(talk):
    backends = []

    async def people() -> int:
        people = get_user_model().objects.extra(select={"backend": "pg_backend_pid()"})
        backends.append((await people.aget()).backend)
        return len(backends)

    with agents.agent.override(tools=[people]):
        assert (await talk.hear(CALL)).state == Turn.State.COMPLETED
        await in_thread(drop, *backends)
        assert (await talk.hear(CALL)).state == Turn.State.COMPLETED


async def test_a_plain_tool_that_takes_too_long_is_unknown_and_the_turn_goes_on(
    talk, provider, settings
):
    settings.AGENTS["demo"]["tool_timeout"] = 0.05
    gate = threading.Event()

    def pause() -> None:
        gate.wait(GENEROUS)

    try:
        with agents.agent.override(tools=[pause]):
            turn = await talk.hear("[[tool name=pause arguments={}]]")
    finally:
        gate.set()
    assert turn.state == Turn.State.COMPLETED
    assert "unknown" in provider.calls[1]["body"]["messages"][-1]["content"]
