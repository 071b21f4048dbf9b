"""What RQ calls, and what the runner does when PostgreSQL keeps it waiting."""

import asyncio
from contextlib import asynccontextmanager

import msgpack
import psycopg
import pytest
from django.db import OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper

from conversations import tasks
from conversations.models import Turn
from conversations.streams import reading
from conversations.threads import in_thread
from conversations.turns import commits
from tests.integration.runner.talking import seen
from workers.interrupts import Reason
from workers.models import WorkerProcess


async def test_a_job_in_a_process_without_presence_gets_one_for_its_turn(
    talk, settings, site_environment
):
    settings.DATABASE_DIRECT_URL = site_environment["DATABASE_URL"]
    turn = await talk.say("[[echo]] hello")
    await tasks.answer(str(talk.conversation.pk), "default")
    turn = await talk.row(turn)
    assert turn.state == Turn.State.COMPLETED
    assert turn.worker != talk.worker.pk
    assert not await in_thread(WorkerProcess.objects.filter(pk=turn.worker).exists)


@pytest.fixture
def lock(talk):
    """Takes the conversation's row, and gives it back when somebody has waited in vain."""
    names = {"host", "port", "user", "password", "dbname"}
    given = connection.get_connection_params()
    parameters = {name: given[name] for name in names & given.keys()}
    row = "SELECT FROM conversations_conversation WHERE id = %s FOR UPDATE"
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"

    @asynccontextmanager
    async def held():
        async with (
            await psycopg.AsyncConnection.connect(**parameters) as other,
            await psycopg.AsyncConnection.connect(**parameters, autocommit=True) as looking,
        ):
            await other.execute(row, [talk.conversation.pk])
            yield
            for expected in (1, 0):
                while True:
                    cursor = await looking.execute(waiting, [parameters["dbname"]])
                    if cursor.rowcount == expected:
                        break
                    await asyncio.sleep(0.02)
            await other.rollback()

    return held


async def test_a_turn_that_cannot_be_ended_is_handed_back_as_soon_as_that_can(
    talk, provider, lock, monkeypatch
):
    monkeypatch.setattr(commits, "PATIENCE", 0)
    turn = await talk.say("[[hold after=1]]")
    async with talk.answering():
        await seen(turn)
        async with lock():
            provider.release()
    assert (await talk.row(turn)).state == Turn.State.QUEUED
    monkeypatch.undo()
    async with talk.answering():
        await provider.wait_for_calls(2)
        provider.release()
    assert (await talk.row(turn)).state == Turn.State.COMPLETED
    await talk.shown(turn)


@pytest.fixture
def lose_reply(monkeypatch):
    """Of the next commit, which happens nevertheless; then the connection is gone."""
    commit = DatabaseWrapper.commit

    def committed(wrapper):
        monkeypatch.setattr(DatabaseWrapper, "commit", commit)
        commit(wrapper)
        wrapper.connection.close()
        raise OperationalError("the connection was lost, and with it the commit's reply")

    return lambda: monkeypatch.setattr(DatabaseWrapper, "commit", committed)


async def test_a_claim_that_nobody_heard_of_is_given_up_once_that_can_be(
    talk, lose_reply, monkeypatch
):
    turn = await talk.say("[[echo]] hello")
    monkeypatch.setattr(commits, "PATIENCE", 0)
    lose_reply()
    with pytest.raises(OperationalError):
        await talk.answer()
    row = await talk.row(turn)
    assert (row.state, row.attempt, row.crashes) == (Turn.State.QUEUED, 1, 0)
    await talk.answer()
    assert (await talk.row(turn)).state == Turn.State.COMPLETED


async def test_a_turn_that_an_unforeseen_fault_hits_is_not_left_to_nobody(talk, redis_client):
    turn = await talk.say("[[hold after=1]]")
    async with talk.answering() as interrupt:
        await seen(turn)
        interrupt.fire(Reason.DRAINING)
    _, log = reading.keys(turn.pk)
    redis_client.xadd(log, {"e": msgpack.packb([[99, 99, 0]])})  # of a version to come
    with pytest.raises(ValueError, match="Kind"):
        await talk.answer()
    turn = await talk.row(turn)
    assert (turn.state, turn.crashes) == (Turn.State.QUEUED, 1)


def unlucky(*, conversation_id, owner_id, metadata):
    """Deps whose database is away for a moment."""
    if moments:
        raise OperationalError(moments.pop())


moments: list[str] = []


async def test_deps_are_waited_for_while_their_database_is_away(talk, settings):
    moments[:] = ["no route", "starting up"]
    settings.AGENTS["demo"]["deps"] = f"{__name__}.unlucky"
    turn = await talk.hear("[[echo]] hello")
    assert (turn.state, turn.attempt, moments) == (Turn.State.COMPLETED, 1, [])


async def test_a_stop_is_kept_while_the_turn_cannot_be_ended(talk, provider, lock, monkeypatch):
    monkeypatch.setattr(commits, "PATIENCE", 0)
    turn = await talk.say("[[hold after=1]]")
    async with talk.answering() as interrupt:
        await seen(turn)
        async with lock():
            interrupt.fire(Reason.STOPPED)
    monkeypatch.undo()
    await talk.answer()
    assert (await talk.row(turn)).state == Turn.State.CANCELLED
    assert len(provider.calls) == 1
