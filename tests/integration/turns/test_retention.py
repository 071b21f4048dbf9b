"""`manage.py pruneconversations`: what goes, what stays, and what it says."""

from datetime import timedelta

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_redis import get_redis_connection

from conversations import retention, turns
from conversations.models import Conversation, Message, Turn
from conversations.stores import store
from tests.integration.turns.test_recovery import HELLO


@pytest.fixture
def old(owner, worker_row, redis_client) -> Conversation:
    """Answered, with a hot copy, and nobody has written in it for ten days."""
    return aged(answered(owner, worker_row))


def answered(owner, worker_row) -> Conversation:
    conversation = Conversation.objects.create(owner=owner, agent="demo")
    turns.accept(conversation.pk, owner.pk, HELLO)
    claim = turns.claim(conversation.pk, worker_row.pk, pool="default")
    turns.end(claim.turn_id, turns.Outcome(state=Turn.State.COMPLETED), token=claim.token)
    return conversation


def aged(conversation: Conversation, *, days: int = 10) -> Conversation:
    moment = timezone.now() - timedelta(days=days)
    Conversation.objects.filter(pk=conversation.pk).update(updated=moment)
    return conversation


def prune(capsys, *options: str) -> list[str]:
    call_command("pruneconversations", *options)
    return capsys.readouterr().out.splitlines()


def test_by_default_conversations_are_kept_for_ever(old, capsys):
    assert prune(capsys) == ["RETENTION_DAYS is not set: conversations are kept for ever"]
    assert Conversation.objects.exists()


def test_what_is_old_goes_with_all_that_it_holds(old, capsys, settings):
    settings.RETENTION_DAYS = 9
    assert prune(capsys)[-1] == "deleted 1, kept 0 that are in use"
    assert [kind.objects.count() for kind in (Conversation, Turn, Message)] == [0, 0, 0]


def test_its_hot_copy_goes_with_it(old, capsys, settings):
    settings.STORE_DEFAULT = "hybrid"
    store("hybrid").load(old.pk)  # warms it
    keys = lambda: get_redis_connection().keys(f"*{old.pk.hex}*")  # noqa: E731
    assert keys()
    prune(capsys, "--days", "9")
    assert not keys()


def test_an_option_wins_over_the_setting(old, capsys, settings):
    settings.RETENTION_DAYS = 9
    assert prune(capsys, "--days", "11")[0] == "0 conversations are older than 11 days"
    assert Conversation.objects.exists()


def test_a_dry_run_only_counts(old, capsys):
    said = prune(capsys, "--days", "9", "--dry-run")
    assert said == ["1 conversations are older than 9 days"]
    assert Conversation.objects.exists()


def test_one_with_a_message_to_answer_stays(old, owner, capsys):
    turns.accept(old.pk, owner.pk, HELLO)
    aged(old)
    prune(capsys, "--days", "9")
    assert Conversation.objects.exists()


def test_one_in_which_somebody_writes_at_this_moment_stays(old, owner):
    before = timezone.now() - timedelta(days=9)
    batches = retention.prune(before, batch=1)
    newer = aged(Conversation.objects.create(owner=owner, agent="demo"))
    assert next(batches) == 1
    Conversation.objects.filter(pk=newer.pk).update(updated=timezone.now())
    assert not retention.delete(newer.pk, before)
    assert list(batches) == []


def test_one_that_somebody_works_on_is_left_to_the_next_call(old, capsys):
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT FROM conversations_conversation FOR UPDATE")
        assert prune(capsys, "--days", "9")[-1] == "deleted 0, kept 1 that are in use"
    assert prune(capsys, "--days", "9")[-1] == "deleted 1, kept 0 that are in use"


def test_one_whose_store_cannot_delete_it_holds_up_no_other(old, owner, capsys):
    Conversation.objects.update(agent="carried")  # its contents are not here
    aged(Conversation.objects.create(owner=owner, agent="demo"))
    prune(capsys, "--days", "9")
    assert Conversation.objects.get() == old


def test_it_goes_in_batches_and_goes_on_where_it_was_stopped(old, owner, capsys):
    for _ in range(4):
        aged(Conversation.objects.create(owner=owner, agent="demo"))
    assert next(retention.prune(timezone.now(), batch=2)) == 2  # and is stopped
    said = prune(capsys, "--days", "9", "--batch", "2")
    assert said[1:] == ["2 of 3 deleted", "3 of 3 deleted", "deleted 3, kept 0 that are in use"]
