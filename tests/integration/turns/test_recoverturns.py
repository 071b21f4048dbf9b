"""`manage.py recoverturns`, on the day on which no worker lives."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from conversations import turns
from conversations.models import Turn
from tests.integration.turns.test_recovery import HELLO
from workers import queues
from workers.models import WorkerProcess

SAID = """\
Dead workers buried: 1: worker-1
Running turns without a worker: 1 queued again,
  0 ended as worker_lost or cancelled
Waiting turns that nobody answered in time: 0 ended
Queued turns hinted to a worker again: 0
Now 0 workers live, 0 turns run, 1 wait
"""


@pytest.fixture
def abandoned(conversation, owner, worker_row, redis_client):
    """A running turn of a worker whose lease is over; nobody else lives."""
    turns.accept(conversation.id, owner.id, HELLO)
    claim = turns.claim(conversation.id, worker_row.id, pool="default")
    queues.queue("default").empty()
    WorkerProcess.objects.update(lease=Now())
    return claim


def test_it_says_what_it_did(abandoned, capsys):
    call_command("recoverturns")
    assert capsys.readouterr().out == SAID
    assert Turn.objects.get().state == "queued"
    assert queues.depth("default") == 1


@pytest.mark.parametrize("locks", [True, False])
def test_it_says_so_to_programs_also_behind_a_pooler(abandoned, capsys, settings, locks):
    settings.WORKER_PRESENCE_LOCKS = locks
    settings.DATABASE_DIRECT_URL = "postgresql://nobody@127.0.0.1:1/nowhere"
    call_command("recoverturns", json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["buried"], said["requeued"], said["queued"]) == (["worker-1"], 1, 1)


def test_a_worker_that_lives_keeps_its_turns(abandoned, worker_row, capsys):
    worker_row.save()  # with its lease of before
    call_command("recoverturns", json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["buried"], said["requeued"], said["live_workers"]) == ([], 0, 1)


def test_without_redis_the_rows_are_mended_and_it_says_what_is_missing(abandoned, settings):
    nowhere = {"URL": "redis://127.0.0.1:1/0"}
    settings.RQ_QUEUES = {pool: config | nowhere for pool, config in settings.RQ_QUEUES.items()}
    queues.queue.cache_clear()
    with pytest.raises(CommandError, match="no worker was told"):
        call_command("recoverturns")
    queues.queue.cache_clear()
    assert Turn.objects.get().state == "queued"


@pytest.mark.usefixtures("abandoned")
def test_a_turn_that_cannot_be_moved_is_told_and_the_exit_status_says_so(settings, capsys):
    Turn.objects.update(crashes=9)
    settings.STORE_DEFAULT = "nowhere"  # that it could end in
    with pytest.raises(CommandError, match="1 running turns without a worker could not"):
        call_command("recoverturns", json=True)
    assert json.loads(capsys.readouterr().out)["failed"] == 1
    assert Turn.objects.get().state == "running"


def test_its_help_says_what_it_does_and_what_to_do_next(capsys):
    with pytest.raises(SystemExit):
        call_command("recoverturns", "--help")
    said = capsys.readouterr().out
    assert "Workers whose lease is over count as dead" in said
    assert "manage.py agentworker --pool NAME" in said
