"""The log of a turn: one claim writes it, anybody reads it from any number."""

from dataclasses import replace

import pytest

from conversations import streams
from conversations.errors import Fenced
from conversations.streams import Append, Read
from conversations.traces import opening
from tests.integration.streams.frames import opened_message, text, words


def in_another_run(redis_client, writer):
    """As if Redis had restarted and read its file."""
    redis_client.hset(f"agentsite:{{{writer.facts.id.hex}}}:head", "run", "another")


async def test_a_new_log_begins_with_its_opening(writer):
    opened = await streams.open_log(writer)
    assert opened == streams.Opened(3, opening(writer.facts), lost=False)


async def test_what_is_appended_is_read(writer):
    await streams.open_log(writer)
    assert await streams.append(writer, opened_message()) is Append.OK
    assert await streams.append(writer, text(5)) is Append.OK
    shown = (*opening(writer.facts), *opened_message(), *text(5))
    assert await streams.read(writer.facts) == Read(writer.token, 1, 6, shown)


@pytest.mark.parametrize(("after", "seen"), [(-1, 0), (1, 1), (3, 2), (4, 3), (5, 4), (99, 4)])
async def test_a_reader_gets_what_is_after_its_cursor(writer, after, seen):
    await streams.open_log(writer)
    await streams.append(writer, opened_message() + text(5))
    shown = [*opening(writer.facts), *opened_message(), *text(5)]
    assert list((await streams.read(writer.facts, after)).entries) == shown[seen:]


async def test_a_turn_without_a_log_reads_as_none(writer):
    assert await streams.read(writer.facts) is None


async def test_a_frame_sent_again_after_a_lost_reply_is_a_duplicate(writer):
    await streams.open_log(writer)
    await streams.append(writer, opened_message())
    assert await streams.append(writer, opened_message()) is Append.DUPLICATE
    assert (await streams.read(writer.facts, 2)).entries == tuple(opened_message())


async def test_another_frame_with_a_used_number_is_not_a_duplicate(writer):
    await streams.open_log(writer)
    await streams.append(writer, opened_message() + text(5, "one"))
    assert await streams.append(writer, opened_message() + text(5, "two")) is Append.LOST


async def test_a_number_that_does_not_follow_is_lost(writer):
    await streams.open_log(writer)
    assert await streams.append(writer, text(5)) is Append.LOST


async def test_append_never_creates_a_log(writer, redis_client):
    assert await streams.append(writer, opened_message()) is Append.LOST
    await streams.open_log(writer)
    redis_client.delete(f"agentsite:{{{writer.facts.id.hex}}}:log")
    assert await streams.append(writer, opened_message()) is Append.LOST
    assert await streams.read(writer.facts) is None


async def test_a_zombie_is_fenced_once_its_successor_has_opened(writer, successor):
    await streams.open_log(writer)
    await streams.open_log(successor)
    assert await streams.append(writer, opened_message()) is Append.FENCED
    with pytest.raises(Fenced):
        await streams.open_log(writer)
    with pytest.raises(Fenced):
        await streams.restore(writer, opening(writer.facts), 3)


async def test_the_next_attempt_goes_on_where_the_dead_one_stopped(writer, successor):
    await streams.open_log(writer)
    await streams.append(writer, opened_message() + text(5))
    opened = await streams.open_log(successor)
    assert (opened.next, opened.lost) == (6, False)
    assert opened.entries == (*opening(writer.facts), *opened_message(), *text(5))
    assert await streams.append(successor, text(6, offset=5)) is Append.OK


async def test_opening_twice_after_a_lost_reply_changes_nothing(writer):
    first = await streams.open_log(writer)
    assert await streams.open_log(writer) == first


async def test_a_log_lost_with_its_worker_leaves_the_one_gap(successor):
    opened = await streams.open_log(successor)
    assert (opened.next, opened.lost) == (2 << 20, True)


async def test_an_append_after_a_restart_that_kept_old_data_is_lost(writer, redis_client):
    await streams.open_log(writer)
    in_another_run(redis_client, writer)
    assert await streams.append(writer, opened_message()) is Append.LOST


async def test_an_old_log_keeps_its_entries_but_not_its_number(writer, successor, redis_client):
    await streams.open_log(writer)
    await streams.append(writer, opened_message())
    in_another_run(redis_client, writer)
    opened = await streams.open_log(successor)
    assert (opened.next, opened.lost) == (2 << 20, True)
    assert opened.entries == (*opening(writer.facts), *opened_message())


async def test_an_old_log_that_shows_more_than_the_rows_tell_keeps_its_number(writer, redis_client):
    await streams.open_log(writer)
    await streams.append(writer, opened_message())
    in_another_run(redis_client, writer)
    assert (await streams.open_log(replace(writer, follows=3))).next == 5


async def test_a_restored_log_reads_as_the_lost_one(writer, redis_client):
    await streams.open_log(writer)
    redis_client.flushdb()
    shown = (*opening(writer.facts), *opened_message(), *words(5, 3))
    await streams.restore(writer, shown, 8)
    assert await streams.append(writer, text(8, offset=15)) is Append.OK
    assert (await streams.read(writer.facts)).entries == (*shown, *text(8, offset=15))


async def test_a_base_shortens_the_log_and_not_what_is_read(writer, redis_client):
    shown = [*(await streams.open_log(writer)).entries, *opened_message()]
    await streams.append(writer, opened_message())
    for frame in words(5, 50):
        await streams.append(writer, [frame])
        shown.append(frame)
    assert await streams.rebase(writer, shown)
    await streams.append(writer, text(55, offset=250))
    assert redis_client.xlen(f"agentsite:{{{writer.facts.id.hex}}}:log") == 1
    assert (await streams.read(writer.facts, 30)).entries == (*shown[29:], *text(55, offset=250))


async def test_a_base_that_is_not_the_whole_log_is_refused(writer, redis_client):
    opened = await streams.open_log(writer)
    await streams.append(writer, opened_message())
    assert not await streams.rebase(writer, opened.entries)
    assert redis_client.xlen(f"agentsite:{{{writer.facts.id.hex}}}:log") == 2


async def test_the_next_attempt_gets_base_and_tail(writer, successor):
    opened = await streams.open_log(writer)
    await streams.rebase(writer, opened.entries)
    await streams.append(writer, opened_message())
    assert (await streams.open_log(successor)).entries == (*opened.entries, *opened_message())


async def test_a_base_whose_log_was_evicted_goes_with_it(writer, redis_client):
    opened = await streams.open_log(writer)
    await streams.append(writer, opened_message())
    await streams.rebase(writer, (*opened.entries, *opened_message()))
    redis_client.delete(f"agentsite:{{{writer.facts.id.hex}}}:log")
    again = await streams.open_log(writer)
    assert again == streams.Opened(1 << 20, opening(writer.facts), lost=True)


async def test_every_key_expires(writer, redis_client):
    await streams.open_log(writer)
    assert all(3000 < redis_client.ttl(key) <= 3600 for key in redis_client.scan_iter())
    for key in redis_client.scan_iter():
        redis_client.expire(key, 60)
    await streams.append(writer, opened_message())
    assert all(3000 < redis_client.ttl(key) <= 3600 for key in redis_client.scan_iter())
    await streams.restore(writer, opening(writer.facts), 3)
    assert all(3000 < redis_client.ttl(key) <= 3600 for key in redis_client.scan_iter())
    await streams.expire(writer.facts)
    assert all(200 < redis_client.ttl(key) <= 300 for key in redis_client.scan_iter())


async def test_a_note_expires(writer, redis_client):
    facts = writer.facts
    await streams.note(facts.conversation_id, facts.id, "waiting", {"type": "agentsite:waiting"})
    [key] = redis_client.scan_iter()
    assert 3000 < redis_client.ttl(key) <= 3600


async def test_a_log_can_be_forgotten_at_once(writer, redis_client):
    await streams.open_log(writer)
    await streams.expire(writer.facts, seconds=0)
    assert redis_client.dbsize() == 0


async def test_scripts_survive_a_server_that_forgot_them(writer, redis_client):
    await streams.open_log(writer)
    redis_client.script_flush()
    assert await streams.append(writer, opened_message()) is Append.OK
