"""Others commit to the transcript while a model is asked: it is never asked again for that."""

from conversations import turns
from conversations.models import Turn
from conversations.threads import in_thread
from tests.integration.runner.talking import seen


async def test_a_conflict_at_a_checkpoint_asks_nobody_again(talk, provider, asked):
    first = await talk.say("[[tool name=pay arguments={} wait=1]]")
    async with talk.answering():
        await provider.wait_for_calls(1)
        before = await talk.version()
        await in_thread(turns.cancel, (await talk.say("never mind")).pk)
        assert await talk.version() == before + 1
        provider.release()
    assert (await talk.row(first)).state == Turn.State.COMPLETED
    assert len(provider.calls) == 2
    assert len(asked.effects) == 1


async def test_a_conflict_at_the_end_asks_nobody_again(talk, provider):
    first = await talk.say("[[hold after=1]]")
    async with talk.answering():
        await seen(first)
        await in_thread(turns.cancel, (await talk.say("never mind")).pk)
        provider.release()
    assert (await talk.row(first)).state == Turn.State.COMPLETED
    assert len(provider.calls) == 1
    assert len(await talk.texts(retracted=False)) == 2


async def test_a_reply_next_to_a_message_without_one_is_not_lost(talk, provider):
    """Two requests stand side by side: pydantic-ai merges them, and counts of messages shift."""
    await talk.hear("[[status code=500]] first")
    await talk.hear("[[echo]] second")
    third = await talk.hear("[[tool name=pay arguments={}]]")
    kinds = [row.kind for row in await talk.messages(retracted=False)]
    assert kinds == ["request", "request", "response", "request", "response", "request", "response"]
    await talk.hear("[[echo]] fourth")
    sent = provider.calls[-1]["body"]["messages"]
    assert [message["role"] for message in sent].count("assistant") == 3
    await talk.shown(third)
