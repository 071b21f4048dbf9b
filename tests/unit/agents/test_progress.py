import asyncio

from workers.agents.progress import LONGEST, progress, reporting


async def heard(*told):
    """What is reported of it."""
    reports = []
    with reporting(lambda fraction, message: reports.append((fraction, message))):
        await progress(*told)
    return reports[0]


async def test_outside_of_a_call_it_does_nothing():
    await progress(0.5, "reading")


async def test_a_fraction_is_from_0_to_1():
    assert await heard(7) == (1, "")
    assert await heard(-1, "back") == (0, "back")
    assert await heard(None, "who knows") == (None, "who knows")
    assert await heard(float("nan"), "0 of 0") == (None, "0 of 0")


async def test_what_a_call_leaves_behind_reports_to_nobody():
    """It was cancelled, or took too long, and its turn may be somebody else's by now."""
    reports, is_over = [], asyncio.Event()

    async def go_on():
        await progress(0.4)
        await is_over.wait()
        await progress(0.5)

    with reporting(lambda *told: reports.append(told)):
        left = asyncio.create_task(go_on())
        await asyncio.sleep(0)
    is_over.set()
    await left
    assert reports == [(0.4, "")]


async def test_a_message_is_short():
    assert len((await heard(0.5, "x" * 999))[1]) == LONGEST
