"""What the window drops is summed up, before it is dropped; no reply waits for that or fails by it."""

import itertools

import pytest

from conversations.models import Summary
from conversations.threads import in_thread

WINDOW, KEEP = 8, 4
summed = []


async def summarise(previous, messages):
    summed.append((previous, len(messages)))
    return f"{previous}+{len(messages)}"


async def fail(previous, messages):
    raise RuntimeError("the summary cannot be made")


@pytest.fixture(autouse=True)
def summing(settings):
    summed.clear()
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
