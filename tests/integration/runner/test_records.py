"""What the demo's tool may read, on real rows; and the demo itself, answered by a worker."""

import asyncio

import pytest
from django.contrib.auth import get_user_model

from conversations import records
from conversations.models import Conversation, Message
from conversations.threads import in_thread
from tests.integration.runner.talking import output


@pytest.fixture(autouse=True)
def demo(settings, asked):
    settings.DEMO_PACE = 0
    settings.AGENTS = {
        "demo": {"agent": "workers.agents.demo.agent", "deps": "conversations.records.of"}
    }


async def test_records_are_the_owners_and_no_others(talk, owner):
    await talk.hear("Good morning, first of all")
    other = await in_thread(get_user_model().objects.create_user, "eve")
    await in_thread(Conversation.objects.create, owner=other, agent="demo")
    here = {"conversation_id": talk.conversation.id, "metadata": {}}
    theirs = records.of(owner_id=other.pk, **here)
    assert [await theirs.conversations(), await theirs.messages()] == [1, 0]
    assert await theirs.first_message() == ""
    ours = records.of(owner_id=owner.pk, **here)
    assert [await ours.conversations(), await ours.messages()] == [1, 2]
    assert await ours.first_message() == "Good morning, first of all"


async def test_the_demo_remembers_calculates_and_looks_up(talk):
    await talk.hear("My name is Ada")
    said = [
        output(await talk.shown(await talk.hear(asked)))[-1]["content"][0]["text"]
        for asked in ("What is my name?", "What is 17% of 340?", "How many messages do I have?")
    ]
    assert "**Ada**" in said[0]
    assert "**57.8**" in said[1]
    assert "**7** messages" in said[2]


async def test_any_worker_goes_on_with_the_same_words(talk, worker_row):
    turn = await talk.hear("What is 2+2?")
    said = (await talk.texts())[-1]
    again = await talk.hear("What is 2+2?")
    assert (await talk.texts())[-1] == said
    assert turn.usage.keys() == again.usage.keys()


async def test_rows_that_a_later_version_wrote_are_never_rewritten(talk):
    await talk.hear("My name is Ada")
    row = (await talk.messages())[1]
    row.payload["from_the_future"] = {"kept": True}
    await in_thread(row.save)
    await talk.hear("What is my name?")
    kept = await in_thread(Message.objects.get, pk=row.pk)
    assert kept.payload["from_the_future"] == {"kept": True}
    assert "**Ada**" in (await talk.texts())[-1]


async def test_turns_in_flight_do_not_wait_for_each_other(talk, owner, worker_row):
    conversations = [
        await in_thread(Conversation.objects.create, owner=owner, agent="demo") for _ in range(20)
    ]
    talks = [type(talk)(conversation, worker_row) for conversation in conversations]
    turns = [await one.say("count to 50") for one in talks]
    await asyncio.gather(*[one.answer() for one in talks])
    assert {(await talk.row(turn)).state for turn in turns} == {"completed"}
