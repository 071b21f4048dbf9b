"""A phase counts as hit only where the server's own answer proves it."""

import asyncio
import random
from contextlib import asynccontextmanager, suppress

import pytest

from tests.chaos.faults import Faults
from tests.chaos.phases import ACCEPT, ACCEPTED, COMMIT, COMMITTED, FINAL, FRAME, PHASES, TAKE
from tests.chaos.relay import Harm, Relay, Trap
from tests.chaos.traps import Traps

ALONE = b"INSERT 0 1\x00Z\x00\x00\x00\x05I"
REFUSED = b"INSERT 0 0\x00Z\x00\x00\x00\x05I"
WITHIN = b"INSERT 0 1\x00Z\x00\x00\x00\x05T"  # a transaction that is still open


@asynccontextmanager
async def server(*answers: bytes):
    """Gives these answers, one for each request; what speaks to it through a relay."""
    left, serving = list(answers), set()

    async def serve(reader, writer):
        serving.add(writer)
        with suppress(ConnectionError):
            while await reader.read(1000):
                writer.write(left.pop(0))
                await writer.drain()
        writer.transport.abort()
        serving.discard(writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        relay = Relay(listening.sockets[0].getsockname()[1])
        await relay.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)

        async def say(words: bytes) -> bytes:
            writer.write(words)
            return await reader.read(1000)

        yield relay, say
        writer.transport.abort()
        while serving or relay.lines:  # noqa: ASYNC110 - each has its own end
            await asyncio.sleep(0)
        await relay.close()


async def hits(trap, phase, proof, *requests_and_answers):
    traps = Traps(None, random.Random(1))
    requests, answers = zip(*requests_and_answers, strict=True)
    async with server(*answers) as (relay, say):
        springing = asyncio.create_task(traps.spring(relay, trap, phase, proof))
        await asyncio.sleep(0)
        for request in requests:
            await say(request)
        await springing
    return dict(traps.hit)


@pytest.mark.parametrize(
    ("answer", "hit"),
    [(ALONE, "accepted"), (REFUSED, "not quite: accepted"), (WITHIN, "not quite: accepted")],
)
def test_only_what_was_committed_was_accepted(answer, hit):
    trap = Trap(ACCEPT, Harm.DROP_REPLY)
    assert asyncio.run(hits(trap, "accepted", ACCEPTED, (ACCEPT, answer))) == {hit: 1}


def test_what_the_server_never_heard_of_was_not_accepted():
    trap = Trap(ACCEPT, Harm.DROP_REQUEST)
    found = asyncio.run(hits(trap, "accepted", ACCEPTED, (ACCEPT, b"")))
    assert found == {"not quite: accepted": 1}


def test_a_claim_that_was_rolled_back_is_waited_past():
    said = [(TAKE, b"UPDATE 1"), (b"ROLLBACK", b"ROLLBACK"), (COMMIT, b"COMMIT\x00")]
    again = [(TAKE, b"UPDATE 1"), (COMMIT, b"COMMIT\x00")]
    trap = Trap(TAKE, Harm.DELAY, then=COMMIT, seconds=0)
    assert asyncio.run(hits(trap, "claimed", COMMITTED, *said, *again)) == {"claimed": 1}


def test_a_claim_that_finds_nothing_is_waited_past():
    said = [(TAKE, b"UPDATE 0\x00"), (COMMIT, b"nothing was done")]
    trap = Trap(TAKE, Harm.DELAY, then=COMMIT, seconds=0)
    again = [(TAKE, b"UPDATE 1\x00"), (COMMIT, b"COMMIT\x00")]
    assert asyncio.run(hits(trap, "claimed", COMMITTED, *said, *again)) == {"claimed": 1}


def test_the_last_frame_is_not_streaming():
    trap = Trap(FRAME, Harm.DELAY, unless=FINAL)
    assert trap.matches(b"EVALSHA " + FRAME)
    assert not trap.matches(b"EVALSHA " + FRAME + FINAL)
    assert not trap.matches(b"EVALSHA other")


def test_every_phase_is_wanted_as_often_as_the_run_is_long():
    faults = Faults(None, random.Random(1), wanted=2)
    faults.hit.update([*PHASES])
    assert len(faults.missing) == len(PHASES)
    faults.hit.update([*PHASES][1:])
    assert faults.missing == [next(iter(PHASES))]
