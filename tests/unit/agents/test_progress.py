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


async def test_a_message_is_short():
    assert len((await heard(0.5, "x" * 999))[1]) == LONGEST
