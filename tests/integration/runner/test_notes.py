"""What people see of a turn that waits for the provider, and of a tool that takes long."""

import asyncio
import time
from functools import partial

import pytest
import pytest_asyncio

from conversations import protocol, runner, streams
from conversations.models import ToolCall
from conversations.runner import notes
from conversations.threads import in_thread
from tests.waiting import GENEROUS
from workers import ratelimit
from workers.agents import model
from workers.agents.budgeted import Budgeted
from workers.interrupts import Reason

pytestmark = pytest.mark.django_db(transaction=True)
SCARCE = 2 * GENEROUS  # seconds; less than a turn is patient
READING = "reading page\N{REPLACEMENT CHARACTER}?4"  # as it can be stored


@pytest_asyncio.fixture
async def scarce(asked, provider, settings):
    """One request in so many seconds, and its place is taken; gives what gives that back."""
    settings.PROVIDER_LIMITS = {"*": {"requests_per_minute": 60 / SCARCE, "burst": 0}}
    speaker = Budgeted(model.openai_compatible("stream", base_url=provider.url))
    admissions = ratelimit.admissions_to(speaker.name)
    taken = await admissions.admit(1, caller=ratelimit.caller(), patience=GENEROUS)
    with asked.agent.override(model=speaker):
        yield partial(admissions.settle, taken, tokens=0, unsent=True)


async def noted(turn):
    """The first note that a tab would be shown."""
    async with asyncio.timeout(GENEROUS):
        while not (found := await streams.notes(turn.conversation_id, turn.pk)):  # noqa: ASYNC110 - in Redis
            await asyncio.sleep(0.01)
    return found[0]


async def test_a_turn_that_waits_for_the_provider_says_so(talk, scarce):
    turn = await talk.say("[[stream]]")
    async with talk.answering():
        told = await noted(turn)
        scarce()
    assert (await talk.row(turn)).state == "completed"
    assert SCARCE - GENEROUS < told.pop("seconds") <= SCARCE
    assert told == {
        "type": "agentsite:waiting",
        "response_id": protocol.response_id(turn.pk),
        "reason": "provider_busy",
    }


async def test_its_model_is_asked_for_its_owner_and_its_class_of_work(talk, asked, settings):
    settings.AGENTS["demo"]["agent"] = "tests.integration.runner.agents.listener"
    turn = await talk.say("hello", tier="flex")
    await runner.answer(turn.conversation_id, worker=talk.worker.id, pool="batch")
    assert [(one.owner, one.queue) for one in asked.callers] == [(str(turn.owner_id), "batch")]


@pytest.mark.parametrize(
    ("reason", "state"), [(Reason.STOPPED, "cancelled"), (Reason.DRAINING, "queued")]
)
async def test_a_turn_that_waits_stops_at_once(talk, scarce, provider, reason, state):
    turn = await talk.say("[[stream]]")
    async with talk.answering() as interrupt:
        await noted(turn)
        interrupt.fire(reason)
    assert (await talk.row(turn)).state == state
    assert provider.calls == []


async def test_a_tool_tells_how_far_it_has_come(talk, asked):
    asked.gates["read"] = asyncio.Event()
    turn = await talk.say("[[tools read]]")
    async with talk.answering():
        told = await noted(turn)
        await stored(turn, {"fraction": 0.4, "message": READING})
        asked.gates["read"].set()
    assert told == {
        "type": "agentsite:progress",
        "response_id": protocol.response_id(turn.pk),
        "call_id": protocol.call_id(turn.pk, 0),
        "fraction": 0.4,
        "message": READING,
    }


async def stored(turn, progress):
    """Until the ledger has it."""
    call = ToolCall.objects.filter(turn=turn, progress=progress)
    async with asyncio.timeout(GENEROUS):
        while not await in_thread(call.exists):  # noqa: ASYNC110 - in PostgreSQL
            await asyncio.sleep(0.01)


async def test_a_tool_may_tell_as_often_as_it_likes(talk, asked, monkeypatch):
    sent = []

    async def note(*args, **kwargs):
        sent.append(args)

    monkeypatch.setattr(notes.streams, "note", note)
    begun = time.monotonic()
    await talk.hear("[[tools count]]")
    assert len(sent) <= 2 + (time.monotonic() - begun) / notes.PAUSE
