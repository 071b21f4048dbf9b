"""What every store promises; a new one in settings.STORES has to pass all of it.

What only some keep is in `test_keeping`.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from conversations.errors import NotFound, VersionConflict
from conversations.stores.base import Keeps, Snapshot
from tests.integration.stores.messages import fence, said, texts


@pytest.fixture
def store(store_under_test):
    return store_under_test


def test_a_new_transcript_is_empty_at_version_0(store, handle):
    assert store.load(handle) == Snapshot(handle, 0)


def test_what_is_appended_is_read_in_order(store, handle, turn):
    first = store.append(store.load(handle), [said(turn, "a", step=1), said(turn, "b 😀", step=2)])
    store.append(first, [said(turn, "c", step=3)])
    assert texts(store.load(handle)) == ["a", "b 😀", "c"]


def test_each_append_is_one_version(store, handle, turn):
    first = store.append(store.load(handle), [said(turn, "a", step=1), said(turn, "b", step=2)])
    second = store.append(first, [said(turn, "c", step=3)])
    assert [first.version, second.version, store.load(handle).version] == [1, 2, 2]


def test_the_snapshot_after_an_append_is_what_is_read(store, handle, turn):
    before = store.append(store.load(handle), [said(turn, "a", step=1)])
    after = store.append(before, [said(turn, "b", step=2), said(turn, "x", step=3, retracted=True)])
    assert (texts(after), after.version) == (["a", "b"], store.load(handle).version)
    assert texts(store.load(handle)) == ["a", "b"]


def test_a_stale_snapshot_is_refused(store, handle, turn):
    stale = store.load(handle)
    store.append(stale, [said(turn, "first", step=1)])
    with pytest.raises(VersionConflict) as conflict:
        store.append(stale, [said(turn, "second", step=2)])
    assert conflict.value.current == 1
    assert texts(store.load(handle)) == ["first"]


def test_of_two_writers_from_one_snapshot_one_wins(store, handle, turn):
    stale = store.load(handle)

    def write(step):
        try:
            return store.append(stale, [said(turn, f"{step}", step=step)]).version
        except VersionConflict as conflict:
            return -conflict.current
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(write, range(1, 5))) == [-1, -1, -1, 1]
    assert len(store.load(handle).messages) == 1


def test_a_write_whose_reply_was_lost_can_be_sent_again(store, handle, turn):
    before = store.load(handle)
    first = store.append(before, [said(turn, "once", step=1)], fence=fence(turn))
    again = store.append(before, [said(turn, "once", step=1)], fence=fence(turn))
    assert (again.version, texts(again)) == (first.version, ["once"])
    assert texts(store.load(handle)) == ["once"]


def test_a_write_is_known_again_after_others_have_written(store, handle, turn):
    before = store.load(handle)
    first = store.append(before, [said(turn, "once", step=1)])
    store.append(first, [said(turn, "then", step=2)])
    assert store.append(before, [said(turn, "once", step=1)]).version == 2
    store.append(store.load(handle), [said(turn, "once", step=1)])
    assert texts(store.load(handle)) == ["once", "then"]


def test_a_step_of_another_attempt_is_another_write(store, handle, turn):
    first = store.append(store.load(handle), [said(turn, "a", step=1, attempt=1)])
    store.append(first, [said(turn, "b", step=1, attempt=2)])
    assert texts(store.load(handle)) == ["a", "b"]


def test_a_retracted_message_is_never_shown_to_the_model(store, handle, turn):
    partial = said(turn, "par", step=1, retracted=True)
    after = store.append(store.load(handle), [partial])
    assert (after.messages, after.version) == ((), 1)
    assert (store.load(handle).messages, store.load(handle).version) == ((), 1)


def test_retracting_a_turn_hides_its_messages_and_no_others(store, handle, turn, begin):
    kept = store.append(store.load(handle), [said(turn, "kept", step=1)])
    rolled_back = begin()
    before = store.append(
        kept, [said(rolled_back, "gone", step=1), said(rolled_back, "too", step=2)]
    )
    after = store.retract(before, rolled_back.id)
    assert (texts(after), after.version) == (["kept"], 3)
    assert (texts(store.load(handle)), store.load(handle).version) == (["kept"], 3)


def test_retracting_from_a_stale_snapshot_is_refused(store, handle, turn):
    stale = store.load(handle)
    store.append(stale, [said(turn, "a", step=1)])
    with pytest.raises(VersionConflict):
        store.retract(stale, turn.id)
    assert texts(store.load(handle)) == ["a"]


@pytest.mark.parametrize(
    ("newest", "seen"), [(1, ["d"]), (3, ["b", "c", "d"]), (9, ["a", "b", "c", "d"])]
)
def test_only_the_newest_can_be_asked_for(store, handle, turn, newest, seen):
    snapshot = store.load(handle)
    for step, text in enumerate("abcd", 1):
        hidden = said(turn, "x", step=step, attempt=2, retracted=True)
        snapshot = store.append(snapshot, [said(turn, text, step=step), hidden])
    found = store.load(handle, newest=newest)
    assert (texts(found), found.earlier, found.version) == (seen, 4 - len(seen), 4)


def test_a_claim_resumes_from_what_it_found_and_wrote(store, handle, turn):
    base = store.append(store.load(handle), [said(turn, "before", step=1)])
    wrote = [said(turn, "asked", step=2)]
    after = store.append(base, wrote)
    for newest in (0, 1, 2):
        found = store.resume(handle, base.version, wrote, after.version, newest=newest)
        assert found.version == 2
        assert ["before", "asked"][found.earlier :] == texts(found)


def test_a_transaction_sees_its_own_append(store, handle, turn):
    with transaction.atomic():
        store.append(store.load(handle), [said(turn, "mine", step=1)])
        assert texts(store.load(handle)) == ["mine"]
    assert texts(store.load(handle)) == ["mine"]


def test_conversations_do_not_mix(store, handle, turn, another_conversation):
    store.create(another_conversation.id)
    store.append(store.load(handle), [said(turn, "here", step=1)])
    assert store.load(another_conversation.id) == Snapshot(another_conversation.id, 0)


def test_a_deleted_transcript_is_not_found(store, handle, turn):
    store.append(store.load(handle), [said(turn, "a", step=1)])
    store.delete(handle)
    store.delete(handle)
    with pytest.raises(NotFound):
        store.load(handle)


def test_a_transcript_that_never_was_is_not_found(store, turn):
    nowhere = Snapshot(uuid.uuid4(), 0)
    with pytest.raises(NotFound):
        store.load(nowhere.handle)
    with pytest.raises(NotFound):
        store.append(nowhere, [said(turn, "a", step=1)])


def test_putting_off_the_expiry_changes_nothing(store, handle, turn):
    store.extend(handle)
    store.append(store.load(handle), [said(turn, "a", step=1)])
    store.extend(handle)
    assert texts(store.load(handle)) == ["a"]


def test_a_rolled_back_write_makes_way_for_the_next(store, handle, turn):
    before = store.append(store.load(handle), [said(turn, "kept", step=1)])
    if Keeps.COMMIT in store.keeps:
        with transaction.atomic():
            store.append(before, [said(turn, "x", step=2), said(turn, "y", step=3)])
            transaction.set_rollback(True)
    store.append(before, [said(turn, "real", step=4)])
    assert texts(store.load(handle)) == ["kept", "real"]


def test_a_fork_has_the_messages_of_the_turns_that_were_copied(
    store, handle, turn, begin, another_conversation
):
    first = store.append(store.load(handle), [said(turn, "a", step=1), said(turn, "b", step=2)])
    store.append(first, [said(begin(), "left behind", step=1)])
    copy = begin(another_conversation)
    store.create(another_conversation.id)
    store.fork(handle, another_conversation.id, {turn.id: copy.id})
    forked = store.load(another_conversation.id)
    assert (texts(forked), forked.version) == (["a", "b"], 1)
    store.append(forked, [said(copy, "on", step=3)])
    assert texts(store.load(another_conversation.id)) == ["a", "b", "on"]
    assert texts(store.load(handle)) == ["a", "b", "left behind"]


def test_many_messages_are_read_as_few_are(store, handle, turn):
    many = [said(turn, f"{step}", step=step) for step in range(300)]
    store.append(store.load(handle), many)
    assert texts(store.load(handle)) == [f"{step}" for step in range(300)]
    assert texts(store.load(handle, newest=2)) == ["298", "299"]
