"""What a run waits for of its people: an end that they have seen, and programs that do not break."""

import asyncio
import random

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


def test_the_end_is_awaited_of_what_another_began_beside_it():
    tab = RestlessTab("of both", "cookie", [80], random.Random(1))
    one = Person("p0b", "of both", tab, tab.fate)
    assert unseen(one) == []
    seen = tab.responses["resp_of_p0"]
    assert unseen(one) == ["resp_of_p0"]
    seen.final = "response.completed"
    assert unseen(one) == []
