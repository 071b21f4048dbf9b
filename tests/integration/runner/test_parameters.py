"""What a request sets of the model holds in every attempt at its turn, and how a bound ends it."""

import pytest

from conversations import catalog
from conversations.models import Turn
from conversations.showing import snapshots
from conversations.threads import in_thread
from tests.integration.runner import agents
from tests.integration.runner.talking import seen
from tests.integration.runner.test_resuming import killed
from tests.integration.runner.test_waiting import YES, answered
from workers.agents import model

REQUEST = {"temperature": 0.2, "max_output_tokens": 500}


def asked(provider):
    """The temperature and the bound of each question."""
    bodies = [call["body"] for call in provider.calls]
    return [
        (body["temperature"], body.get("max_completion_tokens") or body.get("max_tokens"))
        for body in bodies
    ]


async def test_another_worker_asks_by_the_same(talk, provider):
    turn = await talk.say("[[hold after=3]]", parameters=REQUEST)
    await killed(talk, turn, seen(turn, 3))
    async with talk.answering():
        await provider.wait_for_calls(2)
        provider.release()
    assert asked(provider) == [(0.2, 500), (0.2, 500)]


async def test_what_was_said_before_a_person_was_asked_counts(talk, provider):
    """Seven tokens, by the provider's count."""
    turn = await talk.say("[[tools transfer]]", parameters=REQUEST)
    await talk.answer()
    await answered(turn, YES)
    await talk.answer()
    assert asked(provider) == [(0.2, 500), (0.2, 493)]


async def test_the_model_is_not_asked_where_nothing_is_left(talk, provider):
    turn = await talk.say("[[tools transfer]]", parameters=REQUEST | {"max_output_tokens": 7})
    await talk.answer()
    await answered(turn, YES)
    await talk.answer()
    turn = await talk.row(turn)
    assert (len(provider.calls), turn.state) == (1, Turn.State.COMPLETED)
    assert turn.error["code"] == "max_output_tokens"
    assert (await talk.hear("[[stream]]")).error is None


def described(conversation):
    [response] = snapshots.described(snapshots.picture(conversation.pk), {})["responses"]
    return response["status"], response["incomplete_details"], response["error"]


async def test_the_page_hears_of_it_whatever_set_the_bound(talk):
    turn = await talk.hear("[[stream finish=length]]")
    shown = await talk.shown(turn)
    assert shown[-1].data["output"][-1]["status"] == "incomplete"
    cut = ("incomplete", {"reason": "max_output_tokens"}, None)
    assert await in_thread(described, talk.conversation) == cut
    fork = await in_thread(catalog.fork, talk.conversation, after=turn)
    assert await in_thread(described, fork) == cut


REASONS = {"openai_reasoning_effort": "high"}


@pytest.mark.filterwarnings("ignore:Sampling parameters")
@pytest.mark.parametrize(
    "case",
    [
        ("gpt-4o", {}, True),
        ("o3", {}, False),
        ("gpt-5.1", {}, True),
        ("gpt-5.1", REASONS, False),
        ("gpt-5.1", {"thinking": False}, True),
    ],
)
async def test_what_the_model_leaves_out_is_told(talk, provider, monkeypatch, case):
    """By the same rule as pydantic-ai's: what is not told of is in the question."""
    name, own, heeds = case
    monkeypatch.setattr(agents.agent, "model_settings", own)
    speaker = model.openai_compatible(name, base_url=provider.url)
    with agents.agent.override(model=model.Budgeted(speaker)):
        turn = await talk.say("[[stream]]", parameters=REQUEST | {"top_p": 0.5})
        await talk.answer()
    await speaker.client.close()
    [call] = provider.calls
    assert [setting in call["body"] for setting in ("temperature", "top_p")] == [heeds] * 2
    told = f"{name} takes no temperature and top_p: where it answers, that does not count."
    assert (await talk.row(turn)).notices == ([] if heeds else [told])
