"""What a turn asks is told to every tab, and any of them may answer; nobody else's may."""

import pytest

from conversations import streams, turns
from conversations.models import ToolCall, Turn
from conversations.showing.announcements import announce_change
from conversations.threads import in_thread

pytestmark = pytest.mark.django_db(transaction=True)

CALL = "call_{turn}_0"
NOTICES = ["The tools of calendar are out of reach."]


@pytest.fixture
def ask(conversation, worker_row):
    """A turn that waits, as its worker left it."""

    def asked():
        items = [{"type": "message", "role": "user", "content": "Pay"}]
        turn = turns.accept(conversation.pk, conversation.owner_id, items).turn
        claim = turns.claim(conversation.pk, worker_row.pk, pool=turn.pool)
        call = turns.Asked(step=1, call_id="a", tool="pay", arguments={"amount": 3}, item=0)
        assert turns.wait(turn.pk, claim.token, [call], seconds=60, notices=NOTICES)
        return turn

    async def announced():
        turn = await in_thread(asked)
        await announce_change(conversation.pk)
        return turn

    return announced


def answer(turn, **fields):
    ids = {"response_id": f"resp_{turn.pk.hex}", "call_id": CALL.format(turn=turn.pk.hex)}
    return {"type": "response.answer", "approved": True, **ids, **fields}


async def test_a_tab_that_comes_later_sees_it_in_the_snapshot(open_tab, ask):
    turn = await ask()
    tab = await open_tab()
    [active] = (await tab.subscribe())["active"]
    [call] = active["asked"]["calls"]
    assert (call["name"], call["arguments"], call["asks"]) == ("pay", '{"amount": 3}', "approval")
    assert call["call_id"] == CALL.format(turn=turn.pk.hex)


async def test_the_tabs_that_are_there_are_told_of_the_question_and_of_the_answer(tab, ask):
    turn = await ask()
    assert len((await tab.until("agentsite:asked"))["calls"]) == 1
    await tab.send(**answer(turn))
    assert (await tab.until("agentsite:asked"))["calls"] == []
    assert (await in_thread(Turn.objects.get)).state == "queued"


async def test_what_is_to_be_known_comes_with_the_question(tab, open_tab, ask):
    await ask()
    await tab.until("agentsite:asked")
    [notice] = [frame for frame in tab.frames if frame["type"] == "agentsite:notice"]
    [active] = (await (await open_tab()).subscribe())["active"]
    assert notice["notices"] == active["notices"] == NOTICES


async def test_what_its_worker_waited_for_is_over(open_tab, ask):
    """It may have gone before it could say so."""
    turn = await ask()
    frame = {"type": "agentsite:waiting", "response_id": f"resp_{turn.pk.hex}"}
    await streams.note(turn.conversation_id, turn.pk, "waiting", frame)
    tab = await open_tab()
    await tab.subscribe()
    await tab.pong()
    assert "agentsite:waiting" not in tab.types


async def test_a_cursor_is_enough_to_be_told(open_tab, ask):
    turn = await ask()
    tab = await open_tab()
    await tab.send(
        type="subscribe", cursor={"response_id": f"resp_{turn.pk.hex}", "sequence_number": 0}
    )
    assert len((await tab.until("agentsite:asked"))["calls"]) == 1


async def test_nothing_more_is_told_of_a_turn_that_waited_and_was_rolled_back(tab, ask):
    """A page that hears of it again would show it again."""
    turn = await ask()
    await tab.until("agentsite:asked")
    await tab.create("Better", policy="rollback")
    await tab.until("agentsite:rolled_back")
    known = len(tab.frames)
    await tab.pong()
    of_it = [
        frame for frame in tab.frames[known:] if frame.get("response_id") == f"resp_{turn.pk.hex}"
    ]
    assert of_it == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"approved": "yes"}, "invalid_value"),
        ({"call_id": "call_1"}, "not_found"),
        ({"call_id": CALL.format(turn="0" * 32)}, "not_found"),
        ({"response_id": f"resp_{'0' * 32}"}, "not_found"),
        ({"output": 1}, "invalid_value"),
    ],
)
async def test_a_bad_answer_is_refused_by_a_typed_error(tab, ask, fields, code):
    turn = await ask()
    await tab.send(**answer(turn, **fields))
    error = await tab.until("error")
    assert (error["code"], (await in_thread(ToolCall.objects.get)).state) == (code, "asked")


async def test_another_answer_comes_too_late(tab, ask):
    turn = await ask()
    await tab.send(**answer(turn))
    await tab.send(**answer(turn, approved=False))
    error = await tab.until("error")
    assert (error["code"], error["response_id"]) == ("already_answered", f"resp_{turn.pk.hex}")


async def test_nobody_answers_for_somebody_else(tab, ask, django_user_model):
    turn = await ask()
    other = await in_thread(lambda: django_user_model.objects.create_user("eve"))
    await in_thread(Turn.objects.update, owner=other)
    await tab.send(**answer(turn))
    assert (await tab.until("error"))["code"] == "not_found"
