"""What the window drops is summed up, before it is dropped; no reply waits for that or fails by it."""

import asyncio
import itertools

import pytest

from conversations import catalog, turns
from conversations.models import Summary
from conversations.threads import in_thread
from tests.integration.runner.talking import Talk
from workers import ratelimit

WINDOW, KEEP = 8, 4
summed = []
owners = []  # for whom each summary was made
gates = {}  # of a summary that is being made: "begun", "done"


async def summarise(previous, messages):
    summed.append((previous, len(messages)))
    owners.append(ratelimit.caller().owner)
    return f"{previous}+{len(messages)}"


async def linger(previous, messages):
    gates["begun"].set()
    await gates["done"].wait()
    return await summarise(previous, messages)


async def fail(previous, messages):
    raise RuntimeError("the summary cannot be made")


@pytest.fixture(autouse=True)
def summing(settings):
    summed.clear()
    owners.clear()
    path = f"{__name__}.summarise"
    settings.AGENTS["demo"] |= {"window": WINDOW, "keep": KEEP, "summary": path}


def told(provider):
    """What each request says of what was before."""
    bodies = [call["body"]["messages"] for call in provider.calls]
    return [next((m["content"] for m in body if "Summary" in str(m)), "") for body in bodies]


async def test_each_cut_has_one_and_takes_up_the_last(talk, provider):
    for number in range(9):
        await talk.hear(f"number {number} [[stream deltas=1]]")
    rows = await in_thread(lambda: list(Summary.objects.order_by("cut").values_list("cut", "text")))
    assert rows[:2] == [(1, "+4"), (2, "+4+4")]
    assert [previous for previous, _ in summed][:2] == ["", "+4"]
    assert {*owners} == {str(talk.conversation.owner_id)}
    seen = told(provider)
    assert seen[0] == ""
    assert seen[-1].endswith("+4")


async def test_the_same_cut_is_told_in_the_same_words(talk, provider):
    for number in range(9):
        await talk.hear(f"number {number} [[stream deltas=1]]")
    bodies = [call["body"]["messages"] for call in provider.calls]
    cuts = sum(after[: len(before)] != before for before, after in itertools.pairwise(bodies))
    assert cuts <= 9 * 2 / (WINDOW - KEEP)


async def test_one_that_fails_keeps_no_reply_from_anybody(talk, provider, settings):
    settings.AGENTS["demo"]["summary"] = f"{__name__}.fail"
    for number in range(6):
        turn = await talk.hear(f"number {number} [[stream deltas=1]]")
    assert turn.state == "completed"
    assert not await in_thread(Summary.objects.exists)
    assert set(told(provider)) == {""}


@pytest.fixture
def lingering(talk, settings):
    """A reply after which the model is asked for a summary, and does not answer yet."""
    gates.update(begun=asyncio.Event(), done=asyncio.Event())
    settings.AGENTS["demo"]["summary"] = f"{__name__}.linger"

    async def begun():
        first = await talk.hear("my name is Ada [[stream deltas=1]]")
        await talk.hear("number 1 [[stream deltas=1]]")
        await talk.say("number 2 [[stream deltas=1]]")
        return first

    return begun


async def test_what_is_deleted_while_it_is_summed_up_is_told_to_nobody(talk, lingering):
    first = await lingering()
    async with talk.answering():
        await gates["begun"].wait()
        await in_thread(turns.delete, first.pk)
        gates["done"].set()
    assert not await in_thread(Summary.objects.exists)


async def test_what_is_said_while_it_is_summed_up_hinders_nothing(talk, lingering):
    await lingering()
    async with talk.answering():
        await gates["begun"].wait()
        await talk.say("number 3")
        await in_thread(turns.claim, talk.conversation.id, talk.worker.id, pool="default")
        gates["done"].set()
    assert await in_thread(lambda: Summary.objects.get().text) == "+4"


async def test_a_fork_is_told_what_its_own_beginning_says_and_nothing_more(talk, provider):
    heard = [await talk.hear(f"number {number} [[stream deltas=1]]") for number in range(9)]
    made = await in_thread(catalog.fork, talk.conversation, before=heard[4])
    fork = Talk(made, talk.worker)
    rows = Summary.objects.filter(conversation=made).values_list("cut", "text", "version")
    assert await in_thread(lambda: list(rows)) == [(1, "+4", 1)]
    await fork.hear("otherwise [[stream deltas=1]]")
    assert told(provider)[-1].endswith("+4")


async def test_a_fork_of_all_has_all_summaries(talk):
    for number in range(9):
        await talk.hear(f"number {number} [[stream deltas=1]]")
    made = await in_thread(catalog.fork, talk.conversation)
    rows = Summary.objects.order_by("cut").values_list("cut", "text")
    mine, copied = (rows.filter(conversation=each) for each in (talk.conversation, made))
    assert await in_thread(lambda: list(copied) == list(mine) != [])
