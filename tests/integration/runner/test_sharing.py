"""Results of tools that are shared among turns."""

import asyncio

import pytest
from pydantic_ai.tools import ToolDefinition

from conversations.models import Conversation, ToolCall
from conversations.runner.sharing import Sharing
from conversations.threads import in_thread
from tests.integration.runner.talking import Talk
from tests.waiting import GENEROUS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other(owner, worker_row):
    """Another conversation of the same person."""
    return Talk(Conversation.objects.create(owner=owner, agent="demo"), worker_row)


@pytest.fixture
def stranger(django_user_model, worker_row):
    person = django_user_model.objects.create_user("bob", password="a long passphrase")
    return Talk(Conversation.objects.create(owner=person, agent="demo"), worker_row)


async def ledger(tool):
    """State and result of each call."""
    calls = ToolCall.objects.filter(tool=tool).order_by("id").values_list("state", "result")
    return await in_thread(lambda: list(calls))


async def test_a_result_is_used_again_and_every_call_is_in_the_ledger(talk, other, asked):
    for one in (talk, other):
        turn = await one.hear("[[tools weather]]")
        assert turn.state == "completed"
    assert [tool for tool, _ in asked.effects] == ["weather"]
    first, second = await ledger("weather")
    assert first == second == ("done", first[1])


async def test_a_result_of_one_person_is_not_used_for_another(talk, stranger, asked):
    for one in (talk, stranger):
        await one.hear("[[tools weather]]")
    assert len(asked.effects) == 2


async def test_of_two_at_once_one_computes_and_the_other_waits(talk, other, asked):
    asked.gates["weather"] = asyncio.Event()
    for one in (talk, other):
        await one.say("[[tools weather]]")
    async with talk.answering(), other.answering():
        await asked.wait_for_effects(1)
        await until_begun(2)
        asked.gates["weather"].set()
    assert len(asked.effects) == 1
    assert [state for state, _ in await ledger("weather")] == ["done", "done"]


async def until_begun(count):
    """Until the ledger has so many calls."""
    async with asyncio.timeout(GENEROUS):
        while len(await ledger("weather")) < count:  # noqa: ASYNC110 - in PostgreSQL
            await asyncio.sleep(0.01)


async def test_a_result_of_one_conversation_stays_there(talk, other, asked):
    for one in (talk, other, talk):
        await one.hear("[[tools notes]]")
    assert len(asked.effects) == 2


async def asked_for(made, *, tool="a", cache=None, arguments=None, how="returned", **whose):
    """What comes of a call; `made` counts those that were really made."""

    async def call():
        made.append(tool)
        return {how: len(made)}

    declared = ToolDefinition(name=tool, metadata={"cache": {"seconds": 3600, **(cache or {})}})
    sharing = Sharing(**{"agent": "demo", "owner": "1", "conversation": "1", **whose})
    return await sharing.outcome(declared, arguments or {}, call, patience=GENEROUS)


EVERYONE, TALK = {"scope": "everyone"}, {"scope": "conversation"}


@pytest.mark.parametrize(
    ("cache", "changed", "times"),
    [
        (None, {"conversation": "2"}, 1),
        (None, {"owner": "2"}, 2),
        (EVERYONE, {"owner": "2", "conversation": "2"}, 1),
        (TALK, {"conversation": "2"}, 2),
        (EVERYONE, {"arguments": {"day": "today"}}, 2),
        (EVERYONE, {"tool": "b"}, 2),
        (EVERYONE, {"agent": "other"}, 2),
    ],
)
async def test_a_result_is_for_the_same_call_within_its_scope(cache, changed, times, redis_client):
    made = []
    first = await asked_for(made, cache=cache)
    assert (await asked_for(made, cache=cache, **changed) == first, len(made)) == (
        times == 1,
        times,
    )
    for key in redis_client.keys("agentsite:{result:*"):
        assert 3600 - GENEROUS < redis_client.ttl(key) <= 3600


@pytest.mark.parametrize("how", ["failed", "retry"])
async def test_what_failed_for_one_is_tried_again_for_the_next(redis_client, how):
    made = []
    for _ in range(2):
        await asked_for(made, cache=EVERYONE, how=how)
    assert len(made) == 2


async def test_what_is_not_declared_is_not_shared(talk, other, asked):
    for one in (talk, other):
        await one.hear("[[tools pay]]")
    assert len(asked.effects) == 2
