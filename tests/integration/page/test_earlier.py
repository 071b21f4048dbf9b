"""Older turns of a long conversation, a screen at a time, for its owner alone."""

import pytest

from conversations import protocol, turns
from conversations.models import Turn
from conversations.showing.snapshots import SHOWN_TURNS, picture

pytestmark = pytest.mark.django_db(transaction=True)

TURNS = 2 * SHOWN_TURNS + 5


@pytest.fixture
def long(conversation, owner):
    for number in range(TURNS):
        accepted = turns.accept(conversation.pk, owner.pk, [protocol.user_message(f"{number}")])
        turns.cancel(accepted.turn.pk)
    return conversation


def texts(told):
    return [item["content"][0]["text"] for item in told["items"]]


def page(client, conversation, before):
    return client.get(f"/conversations/{conversation.pk}/earlier/", {"before": before})


def test_pages_follow_each_other_without_a_gap_to_the_first(client, owner, long):
    client.force_login(owner)
    first = picture(long.pk).turns[0]
    before, seen, more = protocol.response_id(first.facts.id), [], True
    while more:
        told = page(client, long, before).json()
        seen = texts(told) + seen
        before, more = told["responses"][0]["response_id"], told["has_more"]
    assert seen == [str(number) for number in range(TURNS - SHOWN_TURNS)]


def test_turns_that_were_deleted_hide_none_that_were_not(client, owner, long):
    Turn.objects.filter(number__in=range(2, TURNS - 1)).delete()
    client.force_login(owner)
    whole = picture(long.pk)
    assert ([view.number for view in whole.turns], whole.has_more) == ([0, 1, TURNS - 1], False)
    told = page(client, long, protocol.response_id(whole.turns[-1].facts.id)).json()
    assert (texts(told), told["has_more"]) == (["0", "1"], False)


def test_a_page_costs_the_same_however_long_the_conversation_is(
    client, owner, long, django_assert_max_num_queries
):
    client.force_login(owner)
    newest = Turn.objects.order_by("-number").first()
    with django_assert_max_num_queries(7):
        told = page(client, long, protocol.response_id(newest.pk)).json()
    assert len(told["responses"]) == SHOWN_TURNS


def test_nobody_else_sees_them(client, django_user_model, conversation, owner):
    said = [protocol.user_message("Hi")]
    before = protocol.response_id(turns.accept(conversation.pk, owner.pk, said).turn.pk)
    assert page(client, conversation, before).status_code == 401
    client.force_login(django_user_model.objects.create_user("eve"))
    assert page(client, conversation, before).status_code == 404


@pytest.mark.parametrize("before", ["", "x", "resp_" + "0" * 32])
def test_what_names_no_turn_is_refused(client, owner, conversation, before):
    client.force_login(owner)
    assert page(client, conversation, before).status_code == 404
