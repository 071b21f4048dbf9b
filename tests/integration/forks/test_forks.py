"""A fork is a conversation of its own that begins as another one stood."""

import json

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from conversations import catalog, turns
from conversations.errors import ResponseInProgress
from conversations.models import Conversation, Message, Turn
from conversations.showing import snapshots
from conversations.threads import in_thread
from tests.integration.runner.talking import Talk
from tests.integration.sockets.tabs import Tab

TURNS = 5_000  # of two messages each
# Rows like those of a conversation's only turn.
MORE_TURNS = """
INSERT INTO conversations_turn SELECT again.* FROM conversations_turn AS turn
CROSS JOIN generate_series(1, %s) AS place
CROSS JOIN LATERAL jsonb_populate_record(
    turn, jsonb_build_object('id', gen_random_uuid(), 'number', place)
) AS again WHERE turn.conversation_id = %s
"""
MORE_MESSAGES = """
INSERT INTO conversations_message SELECT again.* FROM conversations_message AS message
JOIN conversations_turn AS turn ON turn.conversation_id = message.conversation_id AND turn.number > 0
CROSS JOIN LATERAL jsonb_populate_record(message, jsonb_build_object(
    'id', nextval(pg_get_serial_sequence('conversations_message', 'id')),
    'turn_id', turn.id, 'number', turn.number * 2 + message.number
)) AS again WHERE turn.conversation_id = %s
"""
OWN = {"id", "conversation", "number", "idempotency_key", "hinted_at"}  # what a copy has anew


async def forked(talk, **options):
    """A fork of the row as it is now, and what is done with it."""
    await in_thread(talk.conversation.refresh_from_db)
    made = await in_thread(lambda: catalog.fork(talk.conversation, **options))
    return Talk(made, talk.worker)


async def events(talk):
    """Everything that a replay of a conversation shows, without the ids of its rows."""
    picture = await in_thread(snapshots.picture, talk.conversation.pk)
    shown = json.dumps(snapshots.described(picture, {}))
    for number, view in enumerate(picture.turns):
        shown = shown.replace(view.facts.id.hex, f"turn {number}")
    return shown.replace(talk.conversation.pk.hex, "conversation")


async def test_a_fork_shows_what_the_original_showed(talk):
    await talk.hear("[[echo]] one")
    await talk.hear("[[tool name=pay arguments={} times=2]]")
    fork = await forked(talk)
    assert await events(fork) == (await events(talk)).replace('"version": 8', '"version": 1')


async def test_a_fork_before_a_turn_ends_there_and_goes_on_otherwise(talk, provider):
    await talk.hear("[[echo]] one")
    second = await talk.hear("[[echo]] two")
    fork = await forked(talk, before=second)
    await fork.hear("[[echo]] three")
    assert (await fork.texts())[::2] == ["[[echo]] one", "[[echo]] three"]
    assert (await talk.texts())[::2] == ["[[echo]] one", "[[echo]] two"]
    said = [m["content"] for m in provider.calls[-1]["body"]["messages"] if m["role"] == "user"]
    assert said == ["[[echo]] one", "[[echo]] three"]


async def test_a_fork_keeps_every_column_but_its_own(talk):
    first = await talk.hear("[[echo]] one")
    await forked(talk)
    original, copy = await in_thread(lambda: list(Turn.objects.order_by("conversation__created")))
    assert original.pk == first.pk != copy.pk
    for field in set(Turn._meta.concrete_fields) - {Turn._meta.get_field(name) for name in OWN}:
        assert getattr(copy, field.attname) == getattr(original, field.attname), field.name


async def test_numbers_and_counters_of_a_fork_have_no_gap(talk):
    await talk.hear("[[echo]] one")
    gone = await talk.say("never mind")
    await in_thread(turns.cancel, gone.pk, rollback=True)
    await talk.hear("[[echo]] two")
    fork = await forked(talk)
    row = await in_thread(Conversation.objects.get, pk=fork.conversation.pk)
    assert (row.version, row.next_turn, row.next_message, row.open_turns) == (1, 2, 4, 0)
    assert [message.number for message in await fork.messages()] == [0, 1, 2, 3]
    assert (row.parent_id, row.owner_id) == (talk.conversation.pk, talk.conversation.owner_id)


async def test_the_partials_of_a_stopped_turn_are_shown_and_not_told_to_the_model(talk, provider):
    await talk.hear("[[cut after=2]]")
    fork = await forked(talk)
    assert await fork.texts(retracted=True) == await talk.texts(retracted=True) != []
    await fork.hear("[[echo]] two")
    sent = provider.calls[-1]["body"]["messages"]
    assert "assistant" not in [message["role"] for message in sent]


async def test_an_unanswered_turn_is_not_copied(talk):
    first = await talk.say("[[echo]] one")
    with pytest.raises(ResponseInProgress):
        await forked(talk)
    assert await (await forked(talk, before=first)).messages() == []
    assert await in_thread(Conversation.objects.count) == 2


async def test_a_fork_outlives_its_original(talk):
    await talk.hear("[[echo]] one")
    fork = await forked(talk)
    await in_thread(catalog.delete, talk.conversation)
    assert await fork.texts() == ["[[echo]] one", "[[echo]] one "]


async def test_a_fork_of_a_fork_is_one_too(talk):
    await talk.hear("[[echo]] one")
    fork = await forked(await forked(talk))
    assert await fork.texts() == ["[[echo]] one", "[[echo]] one "]


async def test_ten_thousand_messages_are_copied_by_as_few_statements_as_two(talk, provider):
    await talk.hear("[[echo]] one")
    _, short = await in_thread(counted, talk)
    await in_thread(lengthen, talk.conversation.pk)
    made, long = await in_thread(counted, talk)
    assert long == short <= 8
    assert await in_thread(numbers, made) == list(range(2 * TURNS))
    await Talk(made, talk.worker).hear("[[echo]] two")
    said = [message["content"] for message in provider.calls[-1]["body"]["messages"]]
    assert said[-3:] == ["[[echo]] one", "[[echo]] one ", "[[echo]] two"]


def counted(talk):
    """A fork, and how many statements made it."""
    with CaptureQueriesContext(connection) as queries:
        return catalog.fork(talk.conversation), len(queries)


def lengthen(conversation):
    """As if what was said first had been said again and again."""
    with connection.cursor() as cursor:
        cursor.execute(MORE_TURNS, [TURNS - 1, conversation])
        cursor.execute(MORE_MESSAGES, [conversation])
    rows = Conversation.objects.filter(pk=conversation)
    rows.update(next_turn=TURNS, next_message=2 * TURNS, version=2 * TURNS)


def numbers(conversation):
    rows = Message.objects.filter(conversation=conversation).order_by("number")
    return list(rows.values_list("number", flat=True))


async def test_a_tab_follows_a_fork_like_any_conversation(talk, session):
    await talk.hear("[[echo]] one")
    fork = await forked(talk)
    tab = await Tab(fork.conversation.pk, session=session).connect()
    snapshot = await tab.subscribe()
    assert [item["type"] for item in snapshot["items"]] == ["message", "message"]
    cursor = snapshot["responses"][0]
    cursor = {name: cursor[name] for name in ("response_id", "sequence_number")}
    assert (await tab.subscribe(cursor))["type"] == "agentsite:subscribed"
    await tab.leave()


async def test_a_replay_of_a_copied_turn_is_exact(talk, session):
    await talk.hear("[[tool name=pay arguments={}]]")
    fork = await forked(talk)
    replays = []
    for conversation in (talk.conversation, fork.conversation):
        [turn] = await in_thread(
            lambda pk=conversation.pk: list(Turn.objects.filter(conversation=pk))
        )
        tab = await Tab(conversation.pk, session=session).connect()
        await tab.subscribe({"response_id": f"resp_{turn.pk.hex}", "sequence_number": 0})
        ids = [(turn.pk.hex, "turn"), (conversation.pk.hex, "conversation")]
        replays.append([_without(raw, ids) for raw in tab.raw_events])
        await tab.leave()
    assert replays[0] == replays[1] != []


def _without(text, ids):
    for found, name in ids:
        text = text.replace(found, name)
    return text


async def test_messages_of_a_fork_are_rows_of_its_own(talk):
    await talk.hear("[[echo]] one")
    fork = await forked(talk)
    await in_thread(catalog.delete, fork.conversation)
    assert await in_thread(Message.objects.count) == 2


def test_who_deletes_a_conversation_finds_its_forks_by_an_index(conversation):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = Conversation.objects.filter(parent__in=[conversation.pk]).explain()
    assert "conversation_forks" in plan
