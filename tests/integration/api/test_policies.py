"""A program asks while another response is open: the policy of its request, or of the conversation."""

import pytest

from conversations import streams
from conversations.protocol import ids
from conversations.showing import listening
from conversations.threads import in_thread
from tests.integration.api.events import read
from tests.integration.policies.test_live import prompts
from tests.waiting import GENEROUS, eventually

HELD = "[[hold after=1]]"


@pytest.fixture
def ask(program):
    async def asked(text, status=200, **body):
        answer = await program.post("/v1/responses", json={"input": text, **body})
        assert answer.status_code == status, answer.text
        return answer.json()

    return asked


@pytest.fixture
def patient(monkeypatch):
    """Streams do not look by themselves."""
    monkeypatch.setattr(listening, "POLL", GENEROUS)


async def begun(program, **body):
    answer = await program.post("/v1/conversations", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def said(program, conversation):
    """What people said that is still part of it, the oldest first."""
    address = f"/v1/conversations/{conversation['id']}/items?order=asc"
    items = (await program.get(address)).json()["data"]
    return [item["content"][0]["text"] for item in items if item["role"] == "user"]


async def heard(redis_client, conversation):
    """Until somebody listens to what is announced to it."""
    group = streams.group(ids.conversation_row(conversation["id"])).encode()
    await in_thread(
        eventually, lambda: [name for name in redis_client.pubsub_channels() if group in name]
    )


POLICIES = [("interrupt", ["one", "two"]), ("rollback", ["two"])]


@pytest.mark.parametrize(("policy", "left"), POLICIES)
@pytest.mark.usefixtures("patient")
async def test_the_stream_of_what_is_queued_hears_its_end_at_once(
    program, ask, redis_client, policy, left
):
    conversation = await begun(program)
    asked = {"input": "one", "conversation": conversation["id"], "stream": True}
    async with program.stream("POST", "/v1/responses", json=asked) as answer:
        events = read(answer)
        await anext(events)
        await heard(redis_client, conversation)
        await ask("two", conversation=conversation["id"], policy=policy, background=True)
        assert [event["type"] async for event in events][-1] == "response.incomplete"
    assert await said(program, conversation) == left


@pytest.mark.usefixtures("crew")
@pytest.mark.parametrize(("policy", "left"), POLICIES)
async def test_what_runs_stops_and_the_agent_knows_of_it_or_not(
    program, ask, provider, policy, left
):
    conversation = await begun(program)
    first = await ask(f"one {HELD}", conversation=conversation["id"], background=True)
    await provider.wait_for_calls(1)
    second = await ask("two [[echo]]", conversation=conversation["id"], policy=policy)
    assert second["status"] == "completed"
    assert [text.split()[0] for text in prompts(provider)] == left
    stopped = (await program.get(f"/v1/responses/{first['id']}")).json()
    assert stopped["status"] == "cancelled"


async def test_a_conversation_has_a_policy_of_its_own(program, ask):
    conversation = await begun(program, policy="reject")
    assert conversation["agentsite_policy"] == "reject"
    await ask("one", conversation=conversation["id"], background=True)
    refused = await ask("two", 409, conversation=conversation["id"], background=True)
    assert refused["error"]["code"] == "response_in_progress"
    address = f"/v1/conversations/{conversation['id']}"
    changed = (await program.post(address, json={"policy": "rollback"})).json()
    assert changed == (await program.get(address)).json()
    assert (changed["agentsite_policy"], changed["metadata"]) == ("rollback", {})
    await ask("three", conversation=conversation["id"], background=True)
    assert await said(program, conversation) == ["three"]
