"""A reply in very many deltas costs what its time and its text cost, not so much for each delta.

By hand, a million of them: `DELTAS=1000000 python3 dev.py test -s
-o faulthandler_timeout=3600 tests/integration/budgets/test_many_deltas.py`, two minutes.
"""

import asyncio
import time
from pathlib import Path

import pytest

from conversations import protocol, runner, streams, turns
from conversations.models import Conversation, Message, Turn
from conversations.showing import snapshots
from conversations.threads import in_thread
from conversations.traces import Kind
from tests.integration.budgets.agents import MANY
from tests.integration.budgets.costs import cost_of
from tests.waiting import GENEROUS

A_SECOND = 45  # frames, at most: they come 25 ms apart or more
FEW = 5  # statements; now and then a turn takes one more
MEMORY = 50 + MANY / 2_500  # MB; the pieces are kept until the end, and the taps keep the frames
WORDS = "".join(f"word{n} " for n in range(MANY))


@pytest.fixture
def answered(conversation, worker_row):
    """Has the next message answered, however long it takes; gives the seconds."""

    async def answer() -> float:
        items = [protocol.user_message("Go on for ever.")]
        await in_thread(turns.accept, conversation.id, conversation.owner_id, items)
        begun = time.monotonic()
        async with asyncio.timeout(GENEROUS + MANY / 100):
            await runner.answer(conversation.id, worker=worker_row.id, pool="default")
        return time.monotonic() - begun

    return answer


async def test_very_many_deltas_are_few_frames_and_the_usual_statements(
    counted, answered, sql, live, conversation
):
    usual = await counted()
    await in_thread(Conversation.objects.filter(pk=conversation.pk).update, agent="many")
    sql.clear()
    live.clear()
    held = memory()
    seconds = await answered()
    grown = peak() - held
    frames = len(live.named("EVALSHA"))
    cost = cost_of(sql)
    print(f"{MANY} deltas: {seconds:.0f} s, {frames} frames, {grown:.0f} MB, {cost}")  # noqa: T201
    assert cost.commits <= usual.commits
    assert cost.statements <= usual.statements + FEW
    assert frames <= 20 + A_SECOND * seconds
    assert grown < MEMORY
    turn, [text] = await in_thread(kept, conversation)
    assert text == WORDS
    await shown(turn)


def memory() -> float:
    """MB that this process holds; `peak` begins anew from there."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> float:
    """MB that this process held at most since."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def kept(conversation):
    """The last turn, and what it said."""
    turn = Turn.objects.filter(conversation=conversation).latest("number")
    said = Message.objects.filter(turn=turn, kind=Message.Kind.RESPONSE)
    return turn, [message.text for message in said]


async def shown(turn):
    """The log, which people follow, and the rows, which they find later, show the same text.

    What is megabytes large at the end may come too late for the log, and is found in the rows.
    """
    log = await streams.read(turn)
    stored = await in_thread(snapshots.stored, snapshots.facts_of(turn, "many"))
    followed = tuple(entry for entry in log.entries if entry.kind is not Kind.END)
    assert followed == stored[: len(followed)]
    assert len(stored) - len(followed) <= 2  # the last delta, and the closing with the whole text
    assert "".join(entry.data for entry in stored if entry.kind is Kind.TEXT) == WORDS
