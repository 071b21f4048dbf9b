"""A stream that cannot go on as it began: its log is lost, its client gone, its key revoked."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from openai import APIError
from openai.types.responses import ResponseErrorEvent

from conversations import catalog, keys
from conversations.errors import InvalidKey
from conversations.models import Conversation, Turn
from conversations.showing import listening as showing
from conversations.showing.ear import Ear
from conversations.sockets import standing
from conversations.sockets.standing import Guard
from conversations.threads import in_thread
from tests.integration.api.events import read
from tests.integration.api.programs import sdk
from tests.waiting import GENEROUS, eventually

__all__ = ["sdk"]
pytestmark = pytest.mark.usefixtures("crew")
HELD = {"input": "[[hold after=1]]", "stream": True}


async def until_held(events):
    """The event with the only word that is said for now."""
    while (event := await anext(events))["type"] != "response.output_text.delta":
        pass
    return event


async def test_a_stream_goes_on_after_what_was_seen_though_its_log_is_lost(
    program, provider, redis_client
):
    async with program.stream("POST", "/v1/responses", json=HELD) as answer:
        seen = await until_held(read(answer))
    redis_client.delete(*redis_client.keys("agentsite:{*"))
    last = seen["sequence_number"]
    address = f"/v1/responses/{seen['response_id']}?stream=true&starting_after={last}"
    async with program.stream("GET", address) as answer:
        assert answer.status_code == 200, await answer.aread()
        provider.release()
        events = [event async for event in read(answer)]
    assert events[0]["sequence_number"] == last + 1
    assert events[-1]["type"] == "response.completed"


async def test_a_stream_whose_conversation_is_deleted_ends_with_an_error(program):
    begun = (await program.post("/v1/conversations", json={})).json()["id"]
    asked = HELD | {"conversation": begun}
    async with program.stream("POST", "/v1/responses", json=asked) as answer:
        events = read(answer)
        seen = await until_held(events)
        assert (await program.delete(f"/v1/conversations/{begun}")).status_code == 200
        *_, error = [seen, *[event async for event in events]]
    assert error["sequence_number"] == seen["sequence_number"] + 1
    assert (error["code"], error["error"]["code"]) == ("not_found", "not_found")
    ResponseErrorEvent.model_validate(error, strict=True)


async def test_what_a_response_has_not_shown_yet_cannot_be_asked_for(program, provider):
    asked = {"input": HELD["input"], "background": True}
    running = (await program.post("/v1/responses", json=asked)).json()
    await provider.wait_for_calls(1)
    for query in ("?stream=true&starting_after=1000", "?starting_after=1"):
        refused = await program.get(f"/v1/responses/{running['id']}{query}")
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (400, "invalid_value")
        assert error["param"] == "starting_after"


@pytest.mark.parametrize(("asked", "status"), [("false", 200), ("true", 400)])
async def test_a_stream_is_not_padded_as_the_sdk_may_ask(program, asked, status):
    response = (await program.post("/v1/responses", json={"input": "[[echo]] x"})).json()
    address = f"/v1/responses/{response['id']}?stream=true&include_obfuscation={asked}"
    assert (await program.get(address)).status_code == status


async def test_a_response_that_runs_is_not_deleted_before_it_was_cancelled(program, provider):
    asked = {"input": HELD["input"], "background": True}
    address = f"/v1/responses/{(await program.post('/v1/responses', json=asked)).json()['id']}"
    await provider.wait_for_calls(1)
    refused = await program.delete(address)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "response_in_progress")
    async with program.stream("GET", f"{address}?stream=true") as answer:
        events = read(answer)
        await until_held(events)
        await program.post(f"{address}/cancel")
        assert [event async for event in events][-1]["type"] == "response.incomplete"
    assert (await program.delete(address)).json()["deleted"] is True
    for path in (f"{address}/cancel", f"{address}/answer"):
        answer = await program.post(path, json={"call_id": "call_x", "approved": True})
        assert answer.status_code == 404


async def test_what_nobody_waited_for_is_erased_after_a_while(
    program, provider, owner, redis_client
):
    async with program.stream("POST", "/v1/responses", json=HELD | {"store": False}) as answer:
        await until_held(read(answer))
    heard = f"*{standing.group(owner.pk)}"  # by who waits for the end, and would erase it then
    await in_thread(eventually, lambda: not redis_client.pubsub_channels(heard))
    provider.release()
    completed = Turn.objects.filter(state="completed")
    await in_thread(eventually, completed.exists)
    assert await in_thread(catalog.erase_unstored) == 0
    old = timezone.now() - timedelta(minutes=11)
    await in_thread(Turn.objects.update, finished=old)
    await in_thread(Conversation.objects.update, updated=old)
    assert await in_thread(catalog.erase_unstored) == 1
    assert not await in_thread(Conversation.objects.exists)


async def test_the_sdk_hears_that_a_stream_failed(sdk):
    begun = await sdk.conversations.create()
    stream = await sdk.responses.create(**HELD, conversation=begun.id)
    while (await anext(stream)).type != "response.output_text.delta":
        pass
    await sdk.conversations.delete(begun.id)
    with pytest.raises(APIError) as refused:
        await anext(stream)
    assert refused.value.code == "not_found"


async def test_what_its_store_has_forgotten_is_told_so(program, settings, redis_client):
    settings.AGENTS["demo"] |= {"store": "redis"}
    response = (await program.post("/v1/responses", json={"input": "[[echo]] x"})).json()
    redis_client.delete(*redis_client.keys("agentsite:*"))
    for query in ("", "?stream=true"):
        answer = await program.get(f"/v1/responses/{response['id']}{query}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "transcript_gone")


@pytest.fixture
def impatient(monkeypatch):
    """Keys are looked at again and again."""
    monkeypatch.setattr(standing, "CHECK", 0.05)
    monkeypatch.setattr(showing, "POLL", 0.05)


def revoke(owner):
    assert keys.revoke(keys.ApiKey.objects.get().pk)


def deactivate(owner):
    owner.is_active = False
    owner.save()


def revoke_silently(owner):
    keys.ApiKey.objects.update(revoked=Now())


async def error_after(end, program, owner, heard):
    """The last event of a stream whose key comes to its end meanwhile."""
    async with program.stream("POST", "/v1/responses", json=HELD) as answer:
        events = read(answer)
        await until_held(events)
        await heard()
        await in_thread(end, owner)
        [error] = [event async for event in events]
    return error["error"]["code"]


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("end", [revoke, deactivate])
async def test_a_stream_ends_at_once_with_its_key(program, owner, heard, end):
    assert await error_after(end, program, owner, heard) == "invalid_api_key"


async def test_a_key_that_was_revoked_before_its_stream_could_hear_of_it_ends_it(
    key, owner, conversation, monkeypatch
):
    """It was admitted, and had joined nothing yet: soon it is looked at, whatever is heard."""
    monkeypatch.setattr(standing, "CHECK", 3600)
    guard = Guard([standing.group(owner.pk)], partial(keys.caller, key))
    await in_thread(revoke, owner)
    with pytest.raises(InvalidKey):
        await listen(conversation.pk, guard)


async def listen(conversation, guard):
    async with asyncio.timeout(GENEROUS), Ear(conversation, guard) as ear:
        while True:
            await ear.hear(0.05)


@pytest.mark.usefixtures("impatient")
async def test_a_stream_ends_with_a_key_of_which_nobody_said_so(program, owner, heard):
    assert await error_after(revoke_silently, program, owner, heard) == "invalid_api_key"


@pytest.mark.usefixtures("trusting")
async def test_a_request_of_a_revoked_key_waits_no_longer(program, owner, heard):
    asking = asyncio.create_task(program.post("/v1/responses", json=HELD | {"stream": False}))
    await heard()
    await in_thread(revoke, owner)
    answer = await asking
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
