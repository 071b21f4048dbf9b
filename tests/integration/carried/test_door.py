"""The sealed door: message and state in, reply and new state out, and nothing stays."""

import asyncio
import json
import secrets
import time

import pytest

from conversations import errands
from conversations.api.objects import Chat
from conversations.models import Conversation, Message, ToolCall, Turn
from conversations.stores.sealed import opened, sealed
from conversations.threads import in_thread
from tests.integration.carried.conftest import WHO, text
from tests.waiting import eventually
from workers import queues


def events_of(answer):
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def rows():
    return [model.objects.count() for model in (Conversation, Turn, Message, ToolCall)]


async def test_a_reply_comes_with_a_state_that_the_next_message_follows(say, provider):
    first = await say(WHO)
    Chat.model_validate(first.json(), strict=True)
    second = await say("Again [[echo]]", first.json()["state"])
    assert (text(first), text(second)) == ("My name is Ada.", "Again")
    assert first.json()["version"] < second.json()["version"]
    assert second.json()["expires_at"] > time.time()
    assert [call["messages"] for call in provider.calls] == [2, 4]  # with the instructions


async def test_its_model_is_asked_for_its_sender_and_its_class_of_work(say, asked, owner, settings):
    listener = "tests.integration.runner.agents.listener"
    settings.AGENTS["carried"] |= {"agent": listener, "queue": "interactive"}
    assert text(await say("hello")) == "heard"
    assert [(one.owner, one.queue) for one in asked.callers] == [(str(owner.pk), "interactive")]


async def test_no_row_is_written_and_every_key_expires(say, redis_client):
    before = await in_thread(rows)
    first = await say(WHO)
    await say("Again [[echo]]", first.json()["state"], stream=True)
    assert await in_thread(rows) == before
    # the worker puts its job away when it has told the end
    await in_thread(eventually, lambda: not list(redis_client.scan_iter("rq:job:*")))
    lasting = {key for key in redis_client.scan_iter() if redis_client.ttl(key) == -1}
    assert {key for key in lasting if not key.startswith(b"rq:")} == set()
    assert not list(redis_client.scan_iter("*:log"))


async def test_no_word_passes_through_redis_in_the_job(program, redis_client, settings):
    asking = asyncio.create_task(
        program.post("/v1/agentsite/chat", json={"message": "a word of mine"})
    )
    while not (found := list(redis_client.scan_iter("rq:job:*"))):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    job = redis_client.hgetall(found[0])
    assert b"word of mine" not in b"".join(job.values())
    assert 0 < redis_client.ttl(found[0]) <= settings.SEALED_PATIENCE
    asking.cancel()


async def test_the_events_are_those_of_a_response_and_the_state(say):
    told = events_of(await say("one two three [[echo]]", stream=True))
    kinds = [event["type"] for event in told]
    assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
    assert kinds[-2:] == ["agentsite:state", "response.completed"]
    numbers = [event["sequence_number"] for event in told if "sequence_number" in event]
    assert numbers == list(range(len(numbers)))
    deltas = [event["delta"] for event in told if event["type"].endswith("text.delta")]
    assert "".join(deltas) == "one two three [[echo]] "
    assert text(await say("on [[echo]]", told[-2]["state"])) == "on"


async def test_a_reply_that_fails_leaves_the_old_state_good(say):
    first = await say(WHO)
    failed = await say("[[status code=500]]", first.json()["state"])
    assert (failed.status_code, failed.json()["error"]["code"]) == (502, "provider_error")
    assert text(await say("Again [[echo]]", first.json()["state"])) == "Again"


async def test_a_reply_that_is_cut_off_is_kept_and_says_so(say, provider):
    first = await say("[[stream finish=length]]")
    Chat.model_validate(first.json(), strict=True)
    assert first.json()["status"] == "incomplete"
    assert first.json()["incomplete_details"] == {"reason": "max_output_tokens"}
    told = events_of(await say("[[stream finish=length]]", first.json()["state"], stream=True))
    assert [event["type"] for event in told[-2:]] == ["agentsite:state", "response.incomplete"]
    assert text(await say("on [[echo]]", told[-2]["state"])) == "on"
    assert "word4" in provider.calls[-1]["body"]["messages"][-2]["content"]


async def test_a_message_that_no_state_can_hold_is_not_to_be_sent_again(say, settings):
    settings.SEALED_STATE_LIMIT = 1000
    answer = await say(secrets.token_hex(1000))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


async def test_parameters_of_the_model_are_refused_by_name(say):
    error = (await say("Hello", temperature=0.2)).json()["error"]
    assert (error["code"], error["param"]) == ("unsupported_parameter", "temperature")


async def test_tools_are_called_without_a_ledger(say, asked):
    answer = await say("[[tool]]")
    assert answer.status_code == 200, answer.text
    assert [tool for tool, _ in asked.effects] == ["calculate"]
    again = await say("on [[echo]]", answer.json()["state"])
    assert again.status_code == 200, again.text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda state: state[:-9] + "AAAAAAAA=", "invalid_state"),
        (lambda _: "gAAAAA", "invalid_state"),
        (lambda _: "\N{SNOWMAN}", "invalid_state"),
        (lambda _: "x" * 300_000, "too_large"),
    ],
)
async def test_a_damaged_state_is_refused_and_no_conversation_begun(say, provider, change, code):
    first = await say(WHO)
    answer = await say("Hello? [[echo]]", change(first.json()["state"]))
    assert answer.status_code in (400, 413)
    assert answer.json()["error"]["code"] == code
    assert len(provider.calls) == 1


async def test_an_expired_state_is_refused(say, settings, owner):
    state = (await say(WHO)).json()["state"]
    lifetime, settings.SEALED_LIFETIME = settings.SEALED_LIFETIME, -1
    old = sealed(opened(state, owner.pk), owner.pk)
    settings.SEALED_LIFETIME = lifetime
    answer = await say("Hello?", old)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "state_expired")


async def test_nobody_else_can_use_a_state(say, program, key, django_user_model):
    from conversations import keys  # noqa: PLC0415

    state = (await say(WHO)).json()["state"]
    other = await in_thread(django_user_model.objects.create_user, "bob")
    program.headers["Authorization"] = (
        f"Bearer {(await in_thread(keys.make, other.pk, name='b'))[1]}"
    )
    answer = await say("Hello? [[echo]]", state)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_state")


async def test_without_a_worker_the_client_hears_it_in_time(program, settings):
    settings.SEALED_PATIENCE = 1
    answer = await program.post("/v1/agentsite/chat", json={"message": "hello"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert await in_thread(lambda: queues.queue("default").fetch_job("none")) is None
    streamed = {"message": "hello", "stream": True}
    [error] = events_of(await program.post("/v1/agentsite/chat", json=streamed))
    assert (error["sequence_number"], error["error"]["code"]) == (0, "unavailable")


async def test_a_worker_that_died_is_missed_and_the_same_can_be_sent_again(say, monkeypatch):
    with monkeypatch.context() as dead:
        dead.setattr(errands, "_beat", lambda _: asyncio.sleep(0))
        answer = await say("[[hold after=1]]")
    assert answer.json()["error"]["code"] == "worker_lost"
    assert text(await say("again [[echo]]")) == "again"


async def test_a_state_goes_on_with_its_own_agent_alone(say, settings):
    settings.AGENTS |= {"other": settings.AGENTS["carried"]}
    first = (await say(WHO, agent="carried")).json()["state"]
    refused = await say("Hello? [[echo]]", first, agent="other")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "agent")


async def test_without_it_two_lines_go_on_from_one_state(say):
    first = (await say(WHO)).json()["state"]
    assert [text(await say(f"{word} [[echo]]", first)) for word in ("two", "other")] == [
        "two",
        "other",
    ]


async def test_the_page_and_the_other_door_do_not_offer_its_agent(program):
    models = (await program.get("/v1/models")).json()["data"]
    assert [model["id"] for model in models] == ["demo"]
    answer = await program.post("/v1/responses", json={"model": "carried", "input": "hello"})
    assert answer.status_code == 400


async def test_a_state_that_is_refused_asks_no_worker(say, redis_client):
    await say("hello", "gAAAAA")
    for pattern in ("rq:job:*", "*:log", "*:register"):
        assert not list(redis_client.scan_iter(pattern))
