"""A tool that asks for a person's leave: the turn waits, nobody works on it, any worker goes on."""

from uuid import uuid4

import pytest

from conversations import streams, turns
from conversations.models import ToolCall, Turn
from conversations.threads import in_thread
from conversations.traces import Kind
from tests.counting import counted
from tests.integration.runner import agents
from tests.integration.runner.talking import output

YES, NO = True, False


async def calls():
    rows = ToolCall.objects.order_by("pk").values_list("tool", "state")
    return await in_thread(lambda: list(rows))


async def answered(turn, *verdicts, note=""):
    """Answers in the order of the calls, from the first item on."""
    items = await in_thread(
        lambda: list(ToolCall.objects.filter(state="asked").values_list("item", flat=True))
    )
    answers = [
        turns.Answer(item=item, approved=verdict, output=note)
        for item, verdict in zip(items, verdicts, strict=True)
    ]
    return await in_thread(turns.resume, turn.pk, answers)


@pytest.mark.parametrize("tool", ["transfer", "spend"])
async def test_it_waits_before_the_effect_and_is_made_once_it_was_approved(talk, tool):
    with counted("agentsite_turns_waited_total", queue="default"):
        turn = await talk.hear(f"[[tools {tool}]]")
    assert (turn.state, agents.effects) == ("waiting", [])
    assert await calls() == [(tool, "asked")]
    await answered(turn, YES)
    await talk.answer()
    turn = await talk.row(turn)
    assert (turn.state, turn.attempt, turn.crashes) == ("completed", 2, 0)
    assert agents.effects == [(tool, f"{turn.pk.hex}:1:call_0")]
    assert await calls() == [(tool, "done")]


async def test_nothing_is_paid_for_twice_and_the_log_has_no_gap(talk, provider):
    turn = await talk.hear("[[tools transfer]]")
    await answered(turn, YES)
    await talk.answer()
    assert len(provider.calls) == 2
    whole = await talk.shown(turn)
    assert whole[-1].number < 50
    kinds = [item["type"] for item in output(whole)]
    assert kinds == ["function_call", "function_call_output", "message"]


async def test_its_numbers_go_on_though_the_log_is_gone(talk):
    """A day later Redis has nothing of it, and the rows have everything."""
    turn = await talk.hear("[[tools transfer]]")
    await streams.expire(turn, seconds=0)
    await answered(turn, YES)
    await talk.answer()
    whole = await talk.shown(turn)
    assert whole[-1].number < 50


async def test_a_refusal_is_told_to_the_model(talk, provider):
    turn = await talk.hear("[[tools transfer]]")
    await answered(turn, NO, note="too much")
    await talk.answer()
    assert agents.effects == []
    [told] = [m for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"]
    assert told["content"] == "too much"
    assert (await talk.row(turn)).state == "completed"
    assert await calls() == [("transfer", "refused")]
    [item] = [item for item in output(await talk.shown(turn)) if "output" in item]
    assert (item["status"], item["output"]) == ("incomplete", "too much")


async def test_a_tool_that_asks_when_called_hears_of_a_refusal_too(talk, provider):
    turn = await talk.hear("[[tools spend]]")
    await answered(turn, NO, note="no")
    await talk.answer()
    assert agents.effects == []
    assert [
        m["content"] for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"
    ] == ["no"]


async def test_what_was_called_beside_it_is_done_once_and_told_later(talk, provider):
    turn = await talk.hear("[[tools pay transfer transfer]]")
    assert [tool for tool, _ in agents.effects] == ["pay"]
    await answered(turn, YES, NO)
    await talk.answer()
    assert [tool for tool, _ in agents.effects] == ["pay", "transfer"]
    told = [m["content"] for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"]
    assert (len(told), "transferred 1" in told) == (3, True)
    outputs = [e.data[0] for e in await talk.shown(turn) if e.kind is Kind.TOOL_OUTPUT]
    assert outputs == [0, 1, 2]


async def test_a_result_from_outside_goes_to_the_model(talk, provider):
    turn = await talk.hear("[[tools fetch]]")
    [call] = await in_thread(lambda: list(ToolCall.objects.all()))
    assert (turn.state, call.asks) == ("waiting", "result")
    await in_thread(turns.resume, turn.pk, [turns.Answer(item=call.item, output="brought")])
    await talk.answer()
    told = [m["content"] for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"]
    assert (told, (await talk.row(turn)).state) == (["brought"], "completed")


async def test_it_does_not_wait_where_the_question_cannot_be_stored(
    talk, provider, settings, redis_client
):
    settings.STORE_DEFAULT = "redis"
    turn = await talk.say("[[tools transfer wait=1]]")
    async with talk.answering():
        await provider.wait_for_calls(1)
        redis_client.delete(*redis_client.keys("*transcript*"))
        provider.release()
    turn = await talk.row(turn)
    assert (turn.state, turn.error["code"], turn.crashes) == ("failed", "transcript_gone", 0)
    assert await calls() == []


async def test_another_worker_goes_on_once_the_one_that_asked_is_gone(talk):
    turn = await talk.hear("[[tools transfer]]")
    await in_thread(talk.worker.delete)
    talk.worker.pk, talk.worker.name = uuid4(), "worker-2"
    await in_thread(talk.worker.save, force_insert=True)
    await answered(turn, YES)
    await talk.answer()
    turn = await talk.row(turn)
    assert (turn.state, turn.worker_name, turn.crashes) == ("completed", "worker-2", 0)
    assert agents.effects == [("transfer", f"{turn.pk.hex}:1:call_0")]


async def test_a_worker_that_dies_after_the_approval_makes_the_call_no_second_time(talk):
    turn = await talk.hear("[[tools transfer]]")
    await answered(turn, YES)
    row = await talk.row(turn)
    claim = await in_thread(turns.claim, row.conversation_id, talk.worker.id, pool="default")
    start = (claim.turn_id, claim.token, 1, "call_0")
    await in_thread(lambda: turns.start_tool(*start, tool="transfer", arguments={}))
    await talk.die(turn)
    await talk.answer()
    assert ((await talk.row(turn)).state, agents.effects) == ("completed", [])


async def test_a_cancel_between_the_answer_and_the_next_claim_answers_the_call(talk, provider):
    turn = await talk.hear("[[tools transfer]]")
    await answered(turn, YES)
    await in_thread(turns.cancel, turn.pk)
    await talk.answer()
    assert (await talk.row(turn)).state == Turn.State.CANCELLED
    await talk.hear("[[stream deltas=1]]")
    roles = [message["role"] for message in provider.calls[-1]["body"]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "user"]


@pytest.mark.parametrize(("seconds", "state"), [(0, "failed"), (86_400, "waiting")])
async def test_it_waits_as_long_as_its_agent_lets_it(talk, settings, seconds, state):
    settings.AGENTS["demo"] |= {"answer_within": seconds}
    turn = await talk.hear("[[tools transfer]]")
    await in_thread(turns.expire)
    assert (await talk.row(turn)).state == state
