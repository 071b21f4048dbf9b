"""A claim shows its turn in few frames, and nothing it composes waits for Redis."""

import asyncio
import time

import pytest

from conversations import emitter as emitters
from conversations import streams
from conversations.emitter import BASE_EVERY, Emitter
from conversations.errors import Fenced
from conversations.models import Turn
from conversations.threads import in_thread
from conversations.traces import Entry, Kind, opening
from tests.unit.shown import END
from tests.waiting import GENEROUS

PACE = 0.01  # seconds between two tokens, at 100 a second


async def test_the_log_holds_what_was_composed(writer, logged):
    async with Emitter(writer) as emitter:
        item = emitter.open_message()
        for word in ("all ", "of ", "it 😀"):
            emitter.text(item, word)
            await emitter.flush()
    assert await logged() == emitter.entries[2:]
    assert [entry.data for entry in await logged()] == [None, "all ", "of ", "it 😀"]


async def test_deltas_during_a_pause_go_together(writer, logged):
    async with Emitter(writer) as emitter:
        item = emitter.open_message()
        emitter.text(item, "first")
        await emitter.flush()
        for word in (" a", " b", " c"):
            emitter.text(item, word)
    assert emitter.frames == 2
    assert [entry.data for entry in await logged()] == [None, "first", " a b c"]


async def test_a_fast_stream_takes_a_frame_for_five_tokens(writer):
    async with Emitter(writer) as emitter:
        item, begun = emitter.open_message(), time.monotonic()
        for number in range(1, 101):  # each when it is due: a slow machine makes no slow stream
            emitter.text(item, "token ")
            await asyncio.sleep(begun + number * PACE - time.monotonic())
        assert emitter.frames <= 0.2 * (time.monotonic() - begun) / PACE


async def test_nothing_is_seen_before_its_commit(writer, logged):
    async with Emitter(writer) as emitter:
        item = emitter.open_message()
        emitter.text(item, "done")
        emitter.close(item)
        await emitter.flush()
        assert [entry.kind for entry in await logged()] == [Kind.OPEN_MESSAGE, Kind.TEXT]
        emitter.release()
        emitter.end(Entry(emitter.next, Kind.END, data=END))
    assert [entry.number for entry in await logged()] == [3, 5, 6, 9]


async def test_the_log_goes_soon_after_the_end(writer, redis_client):
    async with Emitter(writer) as emitter:
        emitter.end(Entry(emitter.next, Kind.END, data=END))
    assert all(0 < redis_client.ttl(key) <= 300 for key in redis_client.scan_iter())


async def test_a_long_turns_log_stays_short(writer, redis_client, facts):
    async with Emitter(writer) as emitter:
        item = emitter.open_message()
        for _ in range(BASE_EVERY + 20):
            emitter.text(item, "x")
            await emitter.flush()
    assert redis_client.xlen(f"agentsite:{{{facts.id.hex}}}:log") <= 30
    assert (await streams.read(facts)).entries == tuple(emitter.entries)


async def test_a_successor_ends_the_zombies_writing(writer, successor):
    async def haunt():
        async with Emitter(writer) as zombie:
            item = zombie.open_message()
            await streams.open_log(successor)
            async with asyncio.timeout(GENEROUS):
                while True:
                    zombie.text(item, "ghost")
                    await asyncio.sleep(0)

    with pytest.raises(Fenced):
        await haunt()
    assert (await streams.read(writer.facts)).entries[2:] == ()


async def test_the_first_delta_waits_for_no_pause(writer, monkeypatch):
    monkeypatch.setattr(emitters, "SHORT_PAUSE", GENEROUS)
    async with Emitter(writer) as emitter, asyncio.timeout(GENEROUS / 2):
        emitter.text(emitter.open_message(), "first")
        while not emitter.frames:  # noqa: ASYNC110 - a flush would hurry it
            await asyncio.sleep(0)


async def test_a_successor_goes_on_with_number_and_index(writer, successor, logged):
    async with Emitter(writer) as dead:
        dead.text(dead.open_message(), "par")
    async with Emitter(successor) as emitter:
        [partial] = emitter.unfinished
        emitter.close(partial, status="incomplete")
        emitter.release()
        emitter.text(emitter.open_message(), "whole")
    shown = [(entry.number, entry.item, entry.data) for entry in await logged()]
    assert shown[1:] == [
        (5, 0, "par"), (6, 0, ["par", "incomplete"]), (9, 1, None), (11, 1, "whole"),
    ]  # fmt: skip


async def test_what_a_dead_worker_committed_but_did_not_show_is_shown_by_the_next(
    writer, successor, logged
):
    async with Emitter(writer) as dead:
        item = dead.open_message()
        dead.text(item, "committed")
        dead.close(item)
    assert len(await logged()) == 2
    async with Emitter(successor, shown=dead.entries) as emitter:
        assert emitter.unfinished == []
    assert await logged() == dead.entries[2:]


async def test_a_log_lost_with_its_worker_is_restored_from_rows(successor, logged):
    await in_thread(Turn.objects.update, claim_token=successor.token)
    rows = [Entry(3, Kind.OPEN_MESSAGE, 0), Entry(5, Kind.CLOSE_MESSAGE, 0, ["", "completed"])]
    async with Emitter(successor, shown=[*opening(successor.facts), *rows]) as emitter:
        emitter.open_message()
    assert await logged() == [*rows, Entry(2 << 20, Kind.OPEN_MESSAGE, 1)]


async def test_an_error_leaves_without_waiting_for_the_last_frames(writer, own_redis):
    async def fail():
        async with Emitter(writer) as emitter:
            own_redis.freeze()
            emitter.text(emitter.open_message(), "lost")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()


async def test_leaving_waits_for_a_dead_redis_only_so_long(writer, own_redis, monkeypatch):
    monkeypatch.setattr(emitters, "LINGER", 0.1)
    async with Emitter(writer) as emitter:
        own_redis.stop()
        emitter.text(emitter.open_message(), "unseen")
    assert emitter.frames == 0
