"""What a run waits for of its people: an end that they have seen, and programs that do not break."""

import asyncio
import random

import pytest

from tests.chaos.__main__ import died, unseen
from tests.chaos.people import Person, RestlessTab


def test_a_person_whose_program_breaks_is_no_silence():
    async def breaks():
        raise ValueError

    async def is_over():
        programs = [asyncio.create_task(breaks()), asyncio.create_task(asyncio.sleep(99))]
        await asyncio.sleep(0)
        programs[1].cancel()
        await asyncio.gather(*programs, return_exceptions=True)
        return [died(program) for program in programs]

    broke, cancelled = asyncio.run(is_over())
    assert isinstance(broke, ValueError)
    assert cancelled is None


@pytest.fixture
def beside():
    """A tab whose conversation is another's, too."""
    tab = RestlessTab("of both", "cookie", [80], random.Random(1))
    return Person("p0b", "of both", tab, tab.fate)


def test_the_end_is_awaited_of_what_another_began_beside_it(beside):
    assert unseen(beside, []) == []
    so_far = beside.tab.responses["resp_of_p0"]
    assert unseen(beside, ["resp_of_p0"]) == ["resp_of_p0"]
    so_far.final = "response.completed"
    assert unseen(beside, ["resp_of_p0"]) == []


def test_it_is_awaited_before_the_tab_has_heard_of_it_at_all(beside):
    assert unseen(beside, ["resp_1", "resp_2"]) == ["resp_1", "resp_2"]


def test_what_a_snapshot_leaves_out_is_not_awaited(beside):
    beside.tab.frames.append({"type": "agentsite:snapshot", "has_more": True})
    assert unseen(beside, ["resp_1", "resp_2"]) == ["resp_2"]
