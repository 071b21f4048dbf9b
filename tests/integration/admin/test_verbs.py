"""The rows are read-only; what staff may do to them are verbs, for those who may change them."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations import turns
from conversations.ids import new_id
from conversations.models import Conversation, Turn
from tests.integration.admin.conftest import entered
from tests.integration.admin.rows import message_of, person, prompt, turn_of
from workers.models import WorkerProcess

pytestmark = pytest.mark.django_db(transaction=True)
TURNS = "/admin/conversations/turn/"


def do(client, verb: str, row):
    """Press a button on a row's page."""
    name = f"admin:conversations_{row._meta.model_name}_act"
    return client.post(reverse(name, args=[row.pk]), {"action": verb})


def state(turn) -> str:
    return Turn.objects.get(pk=turn.pk).state


def running(conversation) -> Turn:
    return turn_of(conversation, "running", claim_token=new_id(), worker=new_id())


def test_a_queued_turn_that_is_cancelled_has_ended(operator, conversation, redis_client):
    turn = turn_of(conversation, "queued")
    assert do(operator, "cancel", turn).status_code == 302
    assert state(turn) == "cancelled"
    assert LogEntry.objects.get().change_message == "Cancel requested."


def test_a_running_turn_is_asked_to_stop(operator, conversation, redis_client):
    turn = running(conversation)
    do(operator, "cancel", turn)
    turn.refresh_from_db()
    assert (turn.state, turn.cancel_requested) == ("running", "cancel")


def test_cancelling_what_has_ended_changes_nothing(operator, conversation, redis_client):
    turn = turn_of(conversation, "completed")
    do(operator, "cancel", turn)
    assert state(turn) == "completed"


def test_a_requeued_turn_is_taken_from_its_worker_and_counts_no_crash(
    operator, conversation, redis_client
):
    turn = running(conversation)
    message_of(turn, prompt("hi"), attempt=0, step=0)
    do(operator, "requeue", turn)
    turn.refresh_from_db()
    assert (turn.state, turn.crashes) == ("queued", 0)
    assert turns.end(turn.pk, turns.Outcome(state="completed", last_event=9), token=turn.claim_token) is None  # fmt: skip
    assert redis_client.llen("rq:queue:default") == 1


def test_requeuing_a_queued_turn_wakes_a_worker(operator, conversation, redis_client):
    turn = turn_of(conversation, "queued")
    do(operator, "requeue", turn)
    assert state(turn) == "queued"
    assert redis_client.llen("rq:queue:default") == 1


def test_a_conversation_cancels_all_that_is_open(operator, conversation, redis_client):
    first, second = running(conversation), turn_of(conversation, "queued")
    do(operator, "cancel_open_turns", conversation)
    first.refresh_from_db()
    assert (first.cancel_requested, state(second)) == ("cancel", "cancelled")


def test_an_action_on_a_list_works_on_the_ticked_rows_alone(operator, owner, redis_client):
    made = [turn_of(Conversation.objects.create(owner=owner), "queued") for _ in range(3)]
    ticked = {"action": "cancel", "_selected_action": [made[0].pk], "select_across": "1"}
    operator.post(TURNS, {**ticked, "index": "0"})
    assert [state(turn) for turn in made] == ["cancelled", "queued", "queued"]


@pytest.mark.parametrize("verb", ["cancel", "requeue"])
def test_who_may_only_look_may_not_act(verb, viewer, conversation):
    turn = turn_of(conversation, "queued")
    page = viewer.get(reverse("admin:conversations_turn_change", args=[turn.pk]))
    assert f'value="{verb}"' not in page.content.decode()
    assert do(viewer, verb, turn).status_code == 403
    viewer.post(TURNS, {"action": verb, "_selected_action": [turn.pk], "index": "0"})
    assert state(turn) == "queued"


def test_a_verb_is_no_link(operator, conversation):
    address = reverse("admin:conversations_turn_act", args=[turn_of(conversation).pk])
    assert operator.get(address, {"action": "cancel"}).status_code == 405


@pytest.mark.parametrize("model", ["conversation", "turn", "message", "toolcall"])
def test_nobody_adds_changes_or_deletes_a_row(model, admin_client, conversation):
    row = conversation if model == "conversation" else turn_of(conversation)
    row = message_of(row, prompt("hi")) if model == "message" else row
    base = f"/admin/conversations/{model}/"
    assert admin_client.get(f"{base}add/").status_code == 403
    assert admin_client.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code in {302, 403}
    admin_client.post(f"{base}{row.pk}/change/", {"title": "Changed", "text": "Changed"})
    assert type(row).objects.filter(pk=row.pk).exists()
    assert Conversation.objects.get().title == "Engines"


def test_deleting_a_user_does_not_take_conversations_along(admin_client, conversation):
    address = reverse("admin:auth_user_delete", args=[conversation.owner.pk])
    assert "clear “Active” instead" in admin_client.get(address).content.decode()
    assert "clear “Active” instead" in admin_client.post(address, {"post": "yes"}).content.decode()
    assert Conversation.objects.exists()


def test_why_an_account_stays_is_said_without_reading_what_was_said(admin_client, conversation):
    address = reverse("admin:auth_user_delete", args=[conversation.owner.pk])
    admin_client.get(address)
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(address)
    assert not any("conversations_message" in query["sql"] for query in queries)


def test_an_account_without_conversations_is_deleted(admin_client, owner):
    address = reverse("admin:auth_user_delete", args=[owner.pk])
    assert admin_client.post(address, {"post": "yes"}).status_code == 302
    assert not type(owner).objects.filter(pk=owner.pk).exists()


@pytest.mark.parametrize(
    "path", ["conversation", "turn", "message", "toolcall", "conversation/{id}/change"]
)
def test_who_is_no_staff_or_may_not_view_sees_nothing(path, client, owner, conversation):
    address = f"/admin/conversations/{path.format(id=conversation.pk)}/"
    assert client.get(address).status_code == 302
    assert entered(owner).get(address).status_code == 302
    assert entered(person("mallory", is_staff=True)).get(address).status_code == 403


def test_the_fleet_shows_who_lives(viewer, db):
    now = turns.claims.Now()
    process = WorkerProcess(lock=1, name="w-1", pool="default", host="h", pid=7, slots=9)
    process.in_flight, process.started, process.lease = 4, now, now
    process.save()
    page = viewer.get("/admin/workers/workerprocess/").content.decode()
    assert "4 of 9" in page
    assert "ended" in page
