"""A worker that answered a conversation before reads and parses nothing again; or it does not know."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

import pytest

from conversations import turns
from conversations.models import Turn
from conversations.runner import histories
from conversations.runner.histories import MESSAGES, Histories, History
from conversations.stores.base import Snapshot
from conversations.threads import in_thread
from workers.observing import metrics

LOOKED = {"cache": "history", "result": "hit"}


@pytest.fixture(autouse=True)
def warm(settings, monkeypatch):
    """This process keeps histories."""
    settings.WORKER_HISTORIES = 1_000_000
    monkeypatch.setattr(histories, "_own", Histories(settings.WORKER_HISTORIES))


@contextmanager
def elsewhere(monkeypatch) -> Iterator[None]:
    """In another process, which knows nothing."""
    with monkeypatch.context() as other:
        other.setattr(histories, "_own", Histories(1_000_000))
        yield


def hits() -> float:
    return metrics.REGISTRY.get_sample_value("agentsite_cache_total", LOOKED) or 0


def sent(provider) -> list[dict]:
    """What the model was last shown; ids of tool calls differ from turn to turn."""
    shown = json.loads(json.dumps(provider.calls[-1]["body"]["messages"]))
    for message in shown:
        message.pop("tool_call_id", None)
        for call in message.get("tool_calls", ()):
            call.pop("id")
    return shown


WORDS = ("[[echo]] one", "[[tool]]", "[[echo]] two", "[[echo]] three")


@pytest.mark.parametrize("agent", ["agent", "old"])
async def test_the_model_is_shown_the_same_by_who_remembers_and_by_who_reads(
    talk, provider, monkeypatch, settings, agent
):
    settings.AGENTS["demo"]["agent"] = f"tests.integration.runner.agents.{agent}"
    before = hits()
    for words in WORDS:
        await talk.hear(words)
    assert hits() - before == len(WORDS) - 1
    remembered = sent(provider)
    turn = await talk.say("[[echo]] three")
    with elsewhere(monkeypatch):
        await talk.answer()
    assert (await talk.row(turn)).state == Turn.State.COMPLETED
    assert sent(provider)[: len(remembered)] == remembered


async def test_what_another_worker_has_answered_is_not_missing(talk, provider, monkeypatch):
    await talk.hear("[[echo]] one")
    with elsewhere(monkeypatch):
        await talk.hear("[[echo]] two")
    await talk.hear("[[echo]] three")
    said = [message["content"] for message in sent(provider) if message["role"] == "user"]
    assert said == ["[[echo]] one", "[[echo]] two", "[[echo]] three"]


async def test_what_was_withdrawn_is_forgotten(talk, provider):
    await talk.hear("[[echo]] one")
    turn = await talk.say("[[hold]] never mind")
    async with talk.answering():
        await provider.wait_for_calls(2)
        await in_thread(turns.cancel, turn.pk, rollback=True)
    await talk.hear("[[echo]] two")
    said = [message["content"] for message in sent(provider) if message["role"] == "user"]
    assert said == ["[[echo]] one", "[[echo]] two"]


async def test_where_nothing_is_kept_nothing_is_looked_up(talk, settings):
    settings.WORKER_HISTORIES = 0
    before = hits()
    await talk.hear("[[echo]] one")
    await talk.hear("[[echo]] two")
    assert hits() == before


def history(version: int = 1, *, count: int = 1, size: int = 10) -> History:
    messages = tuple(str(number).ljust(size) for number in range(count))
    return History(Snapshot(uuid4(), version, messages), dict.fromkeys(messages))


def test_only_the_very_version_is_found():
    kept = Histories(100)
    kept.keep(known := history(version=3))
    assert kept.find(known.snapshot.handle, 3) is known
    assert not kept.find(known.snapshot.handle, 2)
    assert not kept.find(known.snapshot.handle, 4)


def test_those_that_were_used_longest_ago_make_room():
    kept, known = Histories(30), [history() for _ in range(4)]
    for one in known[:3]:
        kept.keep(one)
    assert kept.find(known[0].snapshot.handle, 1)
    kept.keep(known[3])
    assert [bool(kept.find(one.snapshot.handle, 1)) for one in known] == [True, False, True, True]


def test_one_that_is_kept_again_counts_once():
    kept, known = Histories(30), history(size=20)
    for _ in range(5):
        kept.keep(known)
    assert kept.find(known.snapshot.handle, 1)


def test_no_more_messages_are_kept_than_may_be_wanted():
    kept, known = Histories(10_000), history(count=MESSAGES + 5)
    handle = known.snapshot.handle
    kept.keep(known, newest=80)
    found = kept.find(handle, 1, newest=80)
    assert (len(found.snapshot.messages), found.snapshot.earlier) == (MESSAGES, 5)
    assert len(found.parsed) == MESSAGES
    assert not kept.find(handle, 1, newest=MESSAGES + 1)
    assert not kept.find(handle, 1)  # all of them


def test_an_agent_that_is_shown_everything_keeps_everything():
    kept, known = Histories(10_000), history(count=MESSAGES + 5)
    kept.keep(replace(known))
    assert len(kept.find(known.snapshot.handle, 1).snapshot.messages) == MESSAGES + 5
